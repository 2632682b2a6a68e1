"""What looks after a process, over real HTTP: who is alive, who is ready, what is reported."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from urllib.request import urlopen
from uuid import uuid4

import pytest

from healthnotify.adapters import health_server
from healthnotify.adapters import watch as watches
from healthnotify.adapters.backlog import RoadBacklog
from healthnotify.adapters.health_server import HealthServer
from healthnotify.adapters.probes import Need
from healthnotify.adapters.pulse import Pulse
from healthnotify.adapters.watch import Process, Watch
from healthnotify.domain import health
from healthnotify.domain.errors import Misconfigured, Unavailable
from healthnotify.domain.health import Place
from healthnotify.pipeline.ports import Topic
from tests.builders import NOON

LONGEST = 20
SOON = timedelta(milliseconds=10)

pytestmark = pytest.mark.timeout(60)


class Kept:
    """In the place of PostgreSQL."""

    def __init__(self):
        self.reports = []
        self.goodbyes = []
        self.down = False

    def keep(self, report):
        if self.down:
            raise Unavailable("PostgreSQL", "away")
        self.reports.append(report)

    def goodbye(self, id_, at):
        self.goodbyes.append((id_, at))


def until(happened, why):
    deadline = time.monotonic() + LONGEST
    while not happened():
        assert time.monotonic() < deadline, why
        threading.Event().wait(0.005)


class Switch:
    """A dependency that answers, or not, or hangs."""

    def __init__(self):
        self.asked = 0
        self.problem = None
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self):
        self.asked += 1
        assert self.go_on.wait(LONGEST)
        if self.problem:
            raise self.problem


@pytest.fixture
def required():
    return Switch()


@pytest.fixture
def optional():
    return Switch()


@pytest.fixture
def watch(required, optional):
    needs = [Need("PostgreSQL", required), Need("Redis", optional, required=False)]
    made = Watch(
        Process(uuid4(), "test", "here", 7, NOON),
        Pulse(),
        timedelta(minutes=1),
        needs,
        Kept(),
        lambda: NOON,
        every=SOON,
    )
    yield made
    required.go_on.set()
    optional.go_on.set()
    made.end()


@contextmanager
def served(watched):
    server = HealthServer("127.0.0.1", 0, watched)
    server.start()
    try:
        yield server
    finally:
        server.close()


def get(server, path):
    line = HTTPConnection("127.0.0.1", server.port, timeout=LONGEST)
    line.request("GET", path)
    answer = line.getresponse()
    return answer.status, json.loads(answer.read())


def dependencies(server):
    return {name: one["state"] for name, one in get(server, "/health/ready")[1]["dependencies"].items()}


def test_nobody_is_ready_before_what_it_needs_has_answered(watch, required, optional):
    with served(watch) as server:
        assert get(server, "/health/ready") == (
            503,
            {
                "ready": False,
                "dependencies": {
                    "PostgreSQL": {"state": "not asked yet", "required": True},
                    "Redis": {"state": "not asked yet", "required": False},
                },
            },
        )
        watch.start()
        until(lambda: get(server, "/health/ready")[0] == 200, "it is ready")


def test_what_was_not_asked_yet_is_neither_up_nor_down(watch, required):
    required.go_on.clear()
    watch.start()
    until(lambda: watch.report().dependencies == {"PostgreSQL": "not asked yet", "Redis": "ok"}, "the other answers")

    told = watch.exposition().decode()
    assert 'healthnotify_dependency_answers{dependency="Redis"} 1.0' in told
    assert 'dependency="PostgreSQL"' not in told


def test_ready_names_what_is_away_and_what_it_said(watch, required, optional):
    watch.start()
    with served(watch) as server:
        optional.problem = Unavailable("Redis", "connection refused")
        until(lambda: dependencies(server) == {"PostgreSQL": "ok", "Redis": "connection refused"}, "it is named")
        assert get(server, "/health/ready")[0] == 200, "without Redis it is slower, and that is all"

        required.problem = ZeroDivisionError("the password is hunter2")
        until(lambda: dependencies(server)["PostgreSQL"] == "ZeroDivisionError", "the kind of a defect, not its text")
        assert get(server, "/health/ready")[0] == 503

        required.problem = optional.problem = None
        until(lambda: get(server, "/health/ready")[0] == 200, "it is back")


def test_one_that_hangs_is_away_soon_and_keeps_nobody_waiting(watch, required, optional, monkeypatch):
    monkeypatch.setattr(health, "LATELY", timedelta(milliseconds=200))
    watch.start()
    with served(watch) as server:
        until(lambda: get(server, "/health/ready")[0] == 200, "it is ready")
        required.go_on.clear()
        until(lambda: dependencies(server) == {"PostgreSQL": "no answer for 0 s", "Redis": "ok"}, "it hangs")
        assert get(server, "/health/ready")[0] == 503


def test_everybody_may_know_what_is_away_but_not_the_hosts_that_problems_name(watch, required):
    required.problem = Unavailable("PostgreSQL", "connection to db.internal refused")
    watch.start()
    until(lambda: required.asked > 1, "it was asked")

    assert watch.ready(tell=False)[1]["dependencies"]["PostgreSQL"] == {"state": "away", "required": True}


def test_alive_is_who_comes_round_and_the_answer_says_why_not(watch, monkeypatch):
    watch.start()
    with served(watch) as server:
        until(lambda: get(server, "/health/ready")[0] == 200, "it is ready")
        watch.pulse.came_round()
        assert get(server, "/health/live") == (200, {"alive": True})

        monkeypatch.setattr(health, "STANDSTILL", timedelta(0))
        assert get(server, "/health/live") == (
            503,
            {"alive": False, "problem": "the loop has not come round for 0 s"},
        )
        until(lambda: watch.reports.reports[-1].problem, "and so does the report")


def test_who_hangs_because_a_server_hangs_is_alive_and_only_that_long(watch, required, monkeypatch):
    monkeypatch.setattr(health, "STANDSTILL", timedelta(milliseconds=300))
    required.problem = Unavailable("PostgreSQL", "away")
    watch.start()
    until(lambda: required.asked > 1, "it was asked")
    release = threading.Event()
    hanging = threading.Thread(target=watch.pulse.during, args=(lambda: release.wait(LONGEST),))
    hanging.start()
    asked = required.asked
    until(lambda: required.asked > asked + 50, "half a second has passed")
    assert watch.live() == (True, {"alive": True})

    required.problem = None
    until(lambda: watch.live()[0] is False, "all answers, and it hangs still")
    release.set()
    hanging.join()


def test_a_consumer_that_consumes_nothing_while_records_wait_for_it_is_not_alive(watch):
    places = {Topic.DAILY: {0: Place(committed=5, end=9), 1: Place(committed=3, end=3)}}
    watch.road = RoadBacklog(lambda: places)
    watch.patience = timedelta(milliseconds=50)
    assigned = [1]
    watch.pulse.consumes(Topic.DAILY, lambda: assigned)
    watch.needs = [Need("Kafka", watch.road.ask)]
    watch.__post_init__()
    watch.start()
    until(lambda: watch.report().figures == {"lag": {"notifications.daily": 4}}, "the lag is seen")
    asked = len(watch.reports.reports)
    until(lambda: len(watch.reports.reports) > asked + 20, "longer than its patience")
    assert watch.live()[0], "they are a colleague's"

    assigned[:] = [0]
    until(lambda: not watch.live()[0], "they are its own")
    assert watch.live()[1]["problem"].startswith("records wait, and none has been consumed for")
    watch.pulse.consumed()
    assert watch.live()[0]


def test_who_holds_because_dead_letters_poured_is_alive_and_says_why_it_holds(watch):
    watch.pulse.holds("51 dead letters in a row")

    with served(watch) as server:
        assert get(server, "/health/live") == (200, {"alive": True, "holds": "51 dead letters in a row"})
    assert watch.report().figures["holds"] == {"51 dead letters in a row": 1}
    assert b'healthnotify_holds{worker="test"} 1.0' in watch.exposition()

    watch.pulse.holds(None)
    assert watch.live() == (True, {"alive": True})
    assert b'healthnotify_holds{worker="test"} 0.0' in watch.exposition()


def test_the_metrics_are_there_and_nothing_else_is(watch):
    with served(watch) as server:
        with urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=LONGEST) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            assert b'healthnotify_alive{worker="test"} 1.0' in answer.read()
        assert get(server, "/admin") == (404, {"there is": ["/health/live", "/health/ready", "/metrics"]})


def test_who_asks_slowly_or_leaves_keeps_nobody_waiting(watch):
    with served(watch) as server, socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"GET /health/live")
        assert get(server, "/health/live")[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0"])
def test_any_address_of_the_machine_will_do(watch, host):
    server = HealthServer(host, 0, watch)
    server.server_close()

    assert server.port


def test_a_port_that_is_taken_is_told_by_the_settings_name(watch):
    with served(watch) as server, pytest.raises(Misconfigured, match="0 for any free one") as raised:
        HealthServer("127.0.0.1", server.port, watch)

    assert raised.value.field == "HEALTH_PORT"


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_that_is_not_ours_is_told_by_the_settings_name(watch, host):
    with pytest.raises(Misconfigured) as raised:
        HealthServer(host, 0, watch)

    assert raised.value.field == "HEALTH_HOST"


# reports


def test_it_reports_again_and_again_and_says_goodbye(watch):
    watch.start()
    until(lambda: len(watch.reports.reports) > 2, "it reports")
    assert watch.reports.reports[-1].dependencies == {"PostgreSQL": "ok", "Redis": "ok"}
    assert {report.id for report in watch.reports.reports} == {watch.process.id}
    watch.end()

    assert watch.reports.goodbyes == [(watch.process.id, NOON)]


def test_postgresql_that_is_away_costs_reports_and_no_more(watch):
    watch.reports.down = True
    watch.start()
    until(lambda: watch._probes[0].asked().answered is not None, "it goes on")
    watch.reports.down = False

    until(lambda: watch.reports.reports, "it reports again")


def test_a_defect_costs_reports_and_is_logged_by_its_kind(watch, caplog):
    broken = ZeroDivisionError("of p@example.org")
    keep = watch.reports.keep
    watch.reports.keep = lambda report: keep(report) if broken is None else _raise(broken)
    watch.start()
    until(lambda: caplog.records, "it is told")
    broken = None

    until(lambda: watch.reports.reports, "it reports again")
    assert {record.getMessage() for record in caplog.records} == {"no report: ZeroDivisionError"}


def _raise(problem):
    raise problem


def test_a_goodbye_that_hangs_does_not_hold_up_the_end(watch, monkeypatch):
    monkeypatch.setattr(watches, "FAREWELL", timedelta(milliseconds=50))
    hangs = threading.Event()
    watch.reports.goodbye = lambda *_: hangs.wait(LONGEST)
    watch.start()
    began = time.monotonic()
    watch.end()

    assert time.monotonic() - began < LONGEST / 2
    hangs.set()


def test_a_defect_in_an_answer_is_logged_and_the_next_is_answered(watch, caplog):
    class Broken:
        def live(self):
            raise ZeroDivisionError

        def ready(self, *, tell):
            return True, {"ready": True}

    with served(Broken()) as server:
        with pytest.raises(OSError, match="without response"):
            get(server, "/health/live")
        assert get(server, "/health/ready")[0] == 200

    assert [record.getMessage() for record in caplog.records if record.name == health_server.LOG.name] == [
        "no answer: ZeroDivisionError"
    ]


def test_with_each_report_memory_is_given_back_also_while_nobody_takes_reports(watch):
    tidied = []
    watch.tidy = lambda: tidied.append(len(watch.reports.reports))
    watch.reports.down = True

    watch.start()

    until(lambda: len(tidied) > 2, "nothing is given back")
