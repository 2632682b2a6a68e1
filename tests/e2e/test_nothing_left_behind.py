"""The stack of embedded services: it takes what is given, starts the rest, and leaves nothing behind."""

import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue

import psycopg
import pytest
import redis
from confluent_kafka.admin import AdminClient

from config.environment import ROOT
from healthnotify.embedded import kafka
from healthnotify.embedded import stack as embedded_stack
from healthnotify.embedded.interrupts import Interrupted
from healthnotify.embedded.process import StartFailed, answers, running
from healthnotify.embedded.stack import Stack
from tests import ordinary_user
from tests.processes import has_ended, marked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

#: Everything, as if it ran somewhere else; tests leave out what they want to see started.
ALL_GIVEN = {
    "POSTGRES_HOST": "db.example.org",
    "REDIS_URL": "redis://cache.example.org",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka.example.org:9092",
    "OPENAI_KEY": "given",
    "EMAIL_HOST": "smtp.example.org",
    "SMS_BASE_URL": "https://sms.example.org",
}


def all_but(*names):
    return {name: text for name, text in ALL_GIVEN.items() if name not in names}


class RunningStack:
    """`python -m healthnotify.embedded.stack` in a place of its own."""

    def __init__(self, place, python, options, given):
        place.chmod(0o755)
        self.place = place
        self.said = []
        self._lines = Queue()
        self.process = subprocess.Popen(
            [*python, "-m", "healthnotify.embedded.stack"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options | {"env": options["env"] | {"TMPDIR": str(place), "PYTHONUNBUFFERED": "1"} | given},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, text, seconds=60):
        """Reads on until a line holds `text`."""
        while not self.said or text not in self.said[-1]:
            try:
                line = self._lines.get(timeout=seconds)
            except Empty:
                line = None
            assert line is not None, f"{text!r} was never said:\n" + "".join(self.said)
            self.said.append(line)

    def is_over_within(self, seconds):
        try:
            return self.process.wait(seconds) is not None
        except subprocess.TimeoutExpired:
            return False

    def end(self):
        """Its exit code, when it has ended by itself."""
        code = self.process.wait(60)
        self._reader.join()
        return code

    def leftovers(self):
        return list(self.processes().values()) + sorted(path.name for path in self.place.iterdir())

    def processes(self):
        """All of its processes: each has the name of the place in its environment or works in it."""
        return marked(str(self.place))


def new_place():
    """Enterable for PostgreSQL's user, unlike pytest's own."""
    return Path(tempfile.mkdtemp(prefix="healthnotify-tests-"))


@pytest.fixture
def place():
    directory = new_place()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def stack(place):
    """Starts a stack in `place`, and ends it for good whatever a test has found."""
    begun = []
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("POSTGRES_", *ALL_GIVEN))}
    ours = {"cwd": ROOT, "env": clean}

    def start(given=None, python=(sys.executable,), options=ours):
        begun.append(RunningStack(place, python, options, given or {}))
        return begun[-1]

    yield start
    for it in begun:
        it.process.kill()
        for pid in it.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        it.end()
        it.process.stdout.close()


def exported(lines):
    """The variables of the `export` lines."""
    words = [shlex.split(line) for line in lines if line.startswith("export ")]
    return dict(word.split("=", 1) for _, word in words)


def test_it_starts_everything_and_ctrl_c_ends_it_all(stack):
    it = stack()
    it.wait_for("ready; Ctrl-C")
    given = exported(it.said)
    names = {"host": "HOST", "port": "PORT", "dbname": "DB", "user": "USER", "password": "PASSWORD"}

    with psycopg.connect(**{name: given[f"POSTGRES_{text}"] for name, text in names.items()}) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert redis.Redis.from_url(given["REDIS_URL"]).ping()
    admin = AdminClient({"bootstrap.servers": given["KAFKA_BOOTSTRAP_SERVERS"]})
    assert admin.list_topics(timeout=10).brokers
    assert answers(int(given["EMAIL_PORT"]))
    assert answers(int(given["OPENAI_BASE_URL"].rpartition(":")[2].partition("/")[0]))
    assert answers(int(given["SMS_BASE_URL"].rpartition(":")[2]))
    assert len(it.processes()) > 5

    it.process.send_signal(signal.SIGINT)

    assert it.end() == 0
    assert it.leftovers() == []


def test_ctrl_c_at_the_very_word_that_it_is_ready_is_a_good_end(monkeypatch):
    for name, text in ALL_GIVEN.items():
        monkeypatch.setenv(name, text)

    def read_it_and_press_ctrl_c(_name, text):
        if "Ctrl-C" in text:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(embedded_stack, "_print", read_it_and_press_ctrl_c)

    assert embedded_stack.main([]) == 0


SEEDED = random.Random(3)
MOMENTS = [
    *[("after its first word", number) for number in (signal.SIGINT, signal.SIGHUP)],
    *[(SEEDED.uniform(0, 4), number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)],
]


@pytest.mark.parametrize(("moment", "number"), MOMENTS)
def test_a_signal_at_any_moment_leaves_nothing(stack, moment, number):
    it = stack()
    if isinstance(moment, float):
        it.is_over_within(moment)
    else:
        it.wait_for("ready after")

    it.process.send_signal(number)

    assert it.end() in {0, 128 + number, -number}, it.said  # the last: Python itself was still starting
    assert it.leftovers() == []


def test_a_signal_while_the_cluster_is_made_leaves_nothing(stack):
    it = stack(all_but("POSTGRES_HOST"))
    log = "healthnotify-*/postgresql/postgresql.log"
    while not any("running bootstrap" in path.read_text() for path in it.place.glob(log)):
        assert not it.is_over_within(0.01)

    it.process.send_signal(signal.SIGTERM)

    assert it.end() == 128 + signal.SIGTERM
    assert it.leftovers() == []


def test_impatience_changes_nothing(stack):
    """Ctrl-C again and again, while it starts and while it stops."""
    it = stack()
    it.wait_for("ready after")

    it.process.send_signal(signal.SIGINT)
    while not it.is_over_within(0.05):
        it.process.send_signal(signal.SIGINT)

    assert it.leftovers() == []


def test_ctrl_c_while_maven_fetches_leaves_nothing(stack, place):
    if kafka.missing(place):
        pytest.skip("no Java 17 or no Maven")
    it = stack(all_but("KAFKA_BOOTSTRAP_SERVERS") | {"XDG_CACHE_HOME": str(place)})
    it.wait_for("Maven")

    it.process.send_signal(signal.SIGINT)

    assert it.end() == 128 + signal.SIGINT
    assert it.leftovers() in ([], ["healthnotify"]), "the cache folder may stay"
    assert {path.suffix for path in place.glob("healthnotify/*")} <= {".log"}, "with Maven's log in it, and no more"


def test_a_kill_of_the_stack_ends_its_services(stack):
    it = stack()
    it.wait_for("ready; Ctrl-C")
    family = it.processes()

    it.process.kill()

    assert len(family) > 5
    assert [command for pid, command in family.items() if not has_ended(pid, seconds=30)] == []
    assert it.processes() == {}


def test_an_ordinary_user_leaves_nothing_either(stack, place):
    given = {}
    if kafka.is_fetched(kafka.default_cache()):
        shutil.copytree(kafka.default_cache(), place / ".cache" / "healthnotify" / kafka.default_cache().name)
    else:
        given["KAFKA_BOOTSTRAP_SERVERS"] = ALL_GIVEN["KAFKA_BOOTSTRAP_SERVERS"]
    python, options = ordinary_user.python(place, "healthnotify.embedded.stack")
    it = stack(given, python, options)
    it.wait_for("ready; Ctrl-C")

    it.process.send_signal(signal.SIGINT)

    assert it.end() == 0
    assert [left for left in it.leftovers() if left not in {".cache", ".python"}] == []


def test_what_is_given_is_not_started(place):
    given = all_but("EMAIL_HOST") | {"EMAIL_HOST": ""}

    with Stack.start(place, given) as stack:
        names = set(stack.environment())

        assert stack.inbox.messages() == []
        assert [stack.postgres, stack.valkey, stack.kafka, stack.model] == [None] * 4

    assert {"EMAIL_HOST", "EMAIL_PORT", "ENCRYPTION_KEYS", "DJANGO_SECRET_KEY", "WEBHOOK_SECRET"} <= names
    assert not names & (set(ALL_GIVEN) - {"EMAIL_HOST"})


def test_a_kept_directory_keeps_rows_and_keys(place):
    given = all_but("POSTGRES_HOST")
    with Stack.start(place, given, durable=False) as first:
        keys = first.environment()["ENCRYPTION_KEYS"]
        with psycopg.connect(first.postgres.url) as connection:
            connection.execute("CREATE TABLE note (text text)")

    with Stack.start(place, given, durable=False) as second, psycopg.connect(second.postgres.url) as connection:
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (0,)
        assert second.environment()["ENCRYPTION_KEYS"] == keys


def test_without_java_a_small_broker_takes_its_place_and_it_is_said(place, monkeypatch):
    monkeypatch.setenv("PATH", str(place))
    said = []

    given = all_but("KAFKA_BOOTSTRAP_SERVERS")
    with Stack.start(place, given, tell=lambda name, text: said.append(f"{name}: {text}")) as stack:
        given = stack.environment()
        admin = AdminClient({"bootstrap.servers": given["KAFKA_BOOTSTRAP_SERVERS"]})

        assert admin.list_topics(timeout=10).brokers
        assert "KAFKA_CREATE_TOPICS" not in given  # the workers make them, each by asking for it
    assert [line for line in said if line.startswith("Kafka: Java 17 or newer is not on the PATH, so a small")]


def test_one_that_fails_stops_the_others_and_keeps_its_log(place, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    broken = place / "kafka-without-jars"
    (broken / "formatted").mkdir(parents=True)
    before = running()
    own_signal = signal.getsignal(signal.SIGTERM)
    said = []

    given = all_but("REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")
    with pytest.raises(StartFailed, match=r"Kafka did not start: it ended with code 1(.|\n)*log: (.|\n)*kafka\.Kafka"):
        Stack.start(None, given, kafka_cache=broken, tell=lambda name, text: said.append(text))

    (kept,) = place.glob("healthnotify-*")
    assert f"files and logs are kept in {kept}" in said
    assert running() == before
    assert signal.getsignal(signal.SIGTERM) is own_signal


def test_a_defect_in_the_middle_keeps_the_logs_but_an_exit_code_does_not(place, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(place))

    with pytest.raises(SystemExit), Stack.start(None, ALL_GIVEN):
        sys.exit(1)
    assert list(place.iterdir()) == []
    with pytest.raises(ZeroDivisionError), Stack.start(None, ALL_GIVEN):
        raise ZeroDivisionError
    assert len(list(place.iterdir())) == 1


def test_ctrl_c_during_an_orderly_stop_waits_for_its_end(place, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    before = running()

    def interrupted_stop():
        signal.raise_signal(signal.SIGINT)
        stop()

    with pytest.raises(Interrupted), Stack.start(None, all_but("REDIS_URL")) as stack:  # noqa: PT012 - its end raises
        stop = stack.valkey.stop
        stack.valkey.stop = interrupted_stop

    assert running() == before
    assert list(place.iterdir()) == []
