"""Processes as they really run, and what they say of themselves over HTTP and in PostgreSQL."""

import json
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection

import psycopg
import pytest

from config.environment import ROOT
from healthnotify.apps.privacy import keyring
from healthnotify.embedded.process import free_port
from tests.e2e.test_bad_input import CLEAN

pytestmark = pytest.mark.timeout(180)
SECONDS = 60


@pytest.fixture(scope="module")
def database(postgres):
    """A database of these tests' own, migrated; the environment that leads to it."""
    name = f"health_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    given = postgres.environment() | {
        "POSTGRES_DB": name,
        "ENCRYPTION_KEYS": keyring.new_key("first"),
        "DJANGO_SECRET_KEY": secrets.token_hex(25),
        "HEALTH_PORT": "0",
    }
    migrated = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(migrated, cwd=ROOT, env=CLEAN | given, check=True, timeout=SECONDS)
    yield given
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def start(database):
    """`manage.py` with these arguments and settings; what still runs afterwards is killed."""
    started = []

    def start(*arguments, **given):
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=CLEAN | database | given,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def rows(postgres, database):
    """What the table of reports says of a worker, the oldest process first."""

    def rows(worker):
        with psycopg.connect(postgres.url, dbname=database["POSTGRES_DB"]) as connection:
            asked = "SELECT pid, port, alive, dependencies, ended_at FROM worker_reports WHERE worker = %s"
            return connection.execute(f"{asked} ORDER BY started_at", [worker]).fetchall()

    return rows


def port_of(process):
    """The port that its log names."""
    deadline = time.monotonic() + SECONDS
    while select.select([process.stderr], [], [], max(0, deadline - time.monotonic()))[0]:
        line = process.stderr.readline()
        assert line, "it has ended"
        if '"event":"started"' in line:
            return json.loads(line)["port"]
    pytest.fail("it does not start")


def get(port, path):
    line = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    line.request("GET", path)
    answer = line.getresponse()
    return answer.status, answer.read().decode()


def until(happened, why):
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, why
        select.select([], [], [], 0.02)


def test_a_worker_is_alive_and_ready_and_says_goodbye(start, rows):
    planner = start("worker", "planner")
    port = port_of(planner)
    until(lambda: get(port, "/health/ready")[0] == 200, "PostgreSQL answers")
    assert get(port, "/health/live") == (200, '{"alive": true}')
    assert 'healthnotify_alive{worker="planner"} 1.0' in get(port, "/metrics")[1]
    until(lambda: rows("planner") and rows("planner")[-1][3] == {"PostgreSQL": "ok"}, "it reports")
    assert rows("planner")[-1] == (planner.pid, port, True, {"PostgreSQL": "ok"}, None)

    planner.send_signal(signal.SIGTERM)
    assert planner.wait(SECONDS) == 0
    assert rows("planner")[-1][-1] is not None, "it has ended"


def test_one_that_is_killed_says_nothing_and_one_that_is_stopped_does_not_answer(start, rows):
    planner = start("worker", "planner")
    port = port_of(planner)
    until(lambda: rows("planner") and rows("planner")[-1][0] == planner.pid, "it reports")

    planner.send_signal(signal.SIGSTOP)
    line = HTTPConnection("127.0.0.1", port, timeout=0.5)
    line.request("GET", "/health/live")  # the kernel takes the connection, and nobody the question
    with pytest.raises(TimeoutError):
        line.getresponse()

    planner.kill()
    planner.wait(SECONDS)
    assert rows("planner")[-1][-1] is None


def test_a_worker_without_kafka_is_alive_and_not_ready_and_names_it(start):
    given = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}", "REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
    producer = start("worker", "producer", **given)
    port = port_of(producer)

    def states():
        return {name: one["state"] for name, one in json.loads(get(port, "/health/ready")[1])["dependencies"].items()}

    until(lambda: states()["PostgreSQL"] == "ok" and "refused" in states()["Redis"], "Redis is named")
    until(lambda: states()["Kafka"].startswith("KAFKA_BOOTSTRAP_SERVERS="), "Kafka is named")
    assert get(port, "/health/ready")[0] == 503
    assert get(port, "/health/live")[0] == 200

    producer.send_signal(signal.SIGTERM)
    assert producer.wait(SECONDS) == 0


def test_a_port_that_is_taken_stops_the_start(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        planner = start("worker", "planner", HEALTH_PORT=str(port))
        said = planner.communicate(timeout=SECONDS)[1]

    assert planner.returncode == 1
    assert re.fullmatch(
        rf"error: HEALTH_PORT: 127\.0\.0\.1:{port} cannot be listened on \(.*in use\)\. Give another port, or .*\n",
        said,
    )


@pytest.mark.parametrize(("port", "said"), [("65531", "HEALTH_PORT: there is no room for 6 ports"), ("x", "port: 'x'")])
def test_ports_that_do_not_exist_stop_the_start_of_all_of_them(start, port, said):
    everything = start("worker", "all", f"--port={port}")

    assert f"error: {said}" in everything.communicate(timeout=SECONDS)[1]
    assert everything.returncode == 1


def test_the_web_process_is_alive_and_ready_and_counts_its_requests_by_route(start, rows):
    port = free_port()
    web = start("web", WEB_PORT=str(port), REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    until(lambda: not socket.socket().connect_ex(("127.0.0.1", port)), "it listens")
    until(lambda: get(port, "/health/ready")[0] == 200, "PostgreSQL answers")
    assert json.loads(get(port, "/health/ready")[1])["dependencies"] == {
        "PostgreSQL": {"state": "ok", "required": True},
        "Redis": {"state": "away", "required": False},
    }
    assert get(port, "/health/live") == (200, '{"alive": true}')
    assert get(port, "/")[0] == 302
    assert get(port, "/api/v1/users/0a0a0a0a-0000-4000-8000-000000000000")[0] == 401
    assert get(port, "/somewhere/else")[0] == 404

    told = get(port, "/metrics")[1]
    for labels in (
        'method="GET",route="start",status="302"',
        'method="GET",route="api:user",status="401"',
        'method="GET",route="none",status="404"',
    ):
        assert f"healthnotify_request_seconds_count{{{labels}}} 1.0" in told
    assert "0a0a0a0a" not in told
    assert rows("web")[-1][:3] == (web.pid, port, True)

    web.send_signal(signal.SIGTERM)
    assert web.wait(SECONDS) in (0, -signal.SIGTERM)
    assert rows("web")[-1][-1] is not None, "it has said goodbye"
