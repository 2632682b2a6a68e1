"""What an operator gets wrong: each process says in one line which setting or service it is and what to do, then ends.

An unreachable service is no mistake of a setting: it is told about and waited for, and SIGTERM still ends the process.
"""

import base64
import json
import os
import re
import secrets
import select
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from config.environment import ROOT, names
from healthnotify.apps.privacy import keyring
from healthnotify.embedded import kafka
from healthnotify.embedded.process import free_port
from tests.kafka_fixture import require_kafka

pytestmark = pytest.mark.timeout(90)
SECONDS = 40  # until a process that should end has failed to; it takes about two where nothing else runs
CLEAN = {name: text for name, text in os.environ.items() if name not in names()}


@pytest.fixture(scope="module")
def database(postgres):
    """A database of these tests' own, migrated; the environment that leads to it."""
    name = f"bad_input_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    given = postgres.environment() | {"POSTGRES_DB": name, "ENCRYPTION_KEYS": keyring.new_key("first")}
    assert Command("migrate", "--verbosity=0", **given).end()[0] == 0
    yield given
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Command:
    """`manage.py` with these arguments and, of all settings, only these."""

    def __init__(self, *arguments, **given):
        self.given = given
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=CLEAN | {"HOME": "/nonexistent", "HEALTH_PORT": "0"} | given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""

    def end(self, seconds=SECONDS):
        """Its exit code, and all it said."""
        try:
            said, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"it does not end: {self.process.communicate()[0]}")
        self.said += said
        return self.process.returncode, self.said

    def read_until(self, wanted):
        """Until a line with this has come."""
        deadline = time.monotonic() + SECONDS
        while wanted not in self.said:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            line = self.process.stdout.readline() if ready else ""
            if not line:
                self.process.kill()
                pytest.fail(f"{wanted!r} does not come: {self.said}{self.process.communicate()[0]}")
            self.said += line

    def ask_to_end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.end(seconds=20)  # what a drain may take


def secrets_of(given):
    """Whatever must not be told: passwords and keys, also where they stand inside of a setting."""
    texts = [given.get("POSTGRES_PASSWORD"), given.get("OPENAI_KEY")]
    texts += [part.partition(":")[2] for part in given.get("ENCRYPTION_KEYS", "").split(",")]
    texts += re.findall(r"://[^/@]*:([^/@]+)@", given.get("REDIS_URL", ""))
    return [text for text in texts if text]


def refuses(*arguments, **given):
    """The one line in which the command says why it ends."""
    code, said = Command(*arguments, **given).end()
    lines = said.splitlines()
    logged = [json.loads(line) for line in lines if line.startswith("{") and '"worker":' in line]
    told = [line for line in lines if not line.startswith("{")]
    assert code == 1, said
    assert "Traceback" not in said
    assert len(told) == 1, said
    assert told[0].startswith("error: ")
    for secret in secrets_of(given):
        assert secret not in said
    if arguments[0] == "worker":
        assert [line["event"] for line in logged] == ["started", "ended"]
        assert told[0] == f"error: {logged[-1]['problem']}"
        assert logged[-1]["level"] == "error"
    return told[0].removeprefix("error: ")


def without(given, *gone):
    return {name: text for name, text in given.items() if name not in gone}


def a_stranger():
    """A port where nobody listens."""
    return str(free_port())


KEY = base64.b64encode(bytes(range(32))).decode()

# PostgreSQL


@pytest.mark.parametrize("arguments", [("worker", "builder"), ("evidence",)], ids=" ".join)
def test_postgresql_is_not_named(arguments):
    given = {"ENCRYPTION_KEYS": f"k:{KEY}", "OPENAI_KEY": "sk-secret-of-the-model"}
    assert refuses(*arguments, **given) == "POSTGRES_HOST: it is not set. Name the server"


@pytest.mark.parametrize("arguments", [("worker", "builder"), ("evidence",)], ids=" ".join)
def test_postgresql_refuses_the_password(database, arguments):
    wrong = database | {"POSTGRES_PASSWORD": "not-the-password-at-all", "OPENAI_KEY": "sk-secret-of-the-model"}

    said = refuses(*arguments, **wrong)

    assert said.startswith("POSTGRES_PASSWORD: ")
    assert said.endswith(". Give the password of POSTGRES_USER")


@pytest.mark.parametrize("arguments", [("worker", "planner"), ("evidence",)], ids=" ".join)
def test_the_database_does_not_exist(database, arguments):
    said = refuses(*arguments, **database | {"POSTGRES_DB": "nowhere"})

    assert said.startswith("POSTGRES_DB: ")
    assert 'database "nowhere" does not exist' in said
    assert said.endswith(". Name a database that exists, and run migrate")


@pytest.mark.parametrize("arguments", [("worker", "planner"), ("generate_test_users",)], ids=" ".join)
def test_the_database_is_empty(database, arguments):
    said = refuses(*arguments, **database | {"POSTGRES_DB": "postgres"})

    assert said == "POSTGRES_DB: the database has no tables yet. Run manage.py migrate"


def test_the_role_does_not_exist(database):
    said = refuses("evidence", **database | {"POSTGRES_USER": "nobody"})

    assert said.startswith(("POSTGRES_USER: ", "POSTGRES_PASSWORD: "))


def test_a_command_does_not_wait_for_a_server_that_is_not_there(database):
    said = refuses("evidence", **database | {"POSTGRES_PORT": a_stranger()})

    assert said.startswith("PostgreSQL is unavailable: ")
    assert "POSTGRES_HOST, POSTGRES_PORT" in said


# the key ring


@pytest.mark.parametrize(
    ("ring", "problem"),
    [
        (None, "it is empty or not made of name:key pairs"),
        ("just-some-text", "it is empty or not made of name:key pairs"),
        ("k:not-base64-but-secret", "the key 'k' is not base64"),
        ("k:c2hvcnQ=", "the key 'k' has 5 bytes, not 32"),
        (f"k:{KEY},k:{KEY}", "the name 'k' stands there twice"),
    ],
    ids=["missing", "text", "no base64", "short", "twice"],
)
def test_the_key_ring_cannot_be_used(database, ring, problem):
    given = without(database, "ENCRYPTION_KEYS") | ({"ENCRYPTION_KEYS": ring} if ring else {})

    said = refuses("worker", "planner", **given)

    assert said.startswith(f"ENCRYPTION_KEYS: {problem}. Give ENCRYPTION_KEYS as name:key pairs")


@pytest.mark.parametrize("name", ["first", "second"], ids=["another key of that name", "another name"])
def test_the_key_ring_lacks_the_key_that_sealed_the_rows(database, name):
    assert Command("generate_test_users", "--count=20", **database).end()[0] == 0
    planner = Command("worker", "planner", **database | {"PLAN_AHEAD_SECONDS": str(8 * 24 * 3600)})
    planner.read_until('"event":"step"')
    assert planner.ask_to_end()[0] == 0
    before = notifications(database)
    other = database | {"ENCRYPTION_KEYS": keyring.new_key(name), "OPENAI_KEY": "sk-secret-of-the-model"}

    said = refuses("worker", "builder", **other)

    assert said.startswith("ENCRYPTION_KEYS: the key")
    assert before
    assert notifications(database) == before


def notifications(given):
    """All of them as they stand."""
    place = {
        "host": given["POSTGRES_HOST"],
        "port": given["POSTGRES_PORT"],
        "dbname": given["POSTGRES_DB"],
        "user": given["POSTGRES_USER"],
        "password": given["POSTGRES_PASSWORD"],
    }
    with psycopg.connect(**place) as connection:
        return connection.execute("SELECT * FROM notifications ORDER BY id").fetchall()


# Redis


def test_redis_is_not_named(database):
    said = refuses("worker", "producer", **database | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{a_stranger()}"})

    assert said == "REDIS_URL: it is not set. Name the server, for example redis://localhost:6379/0"


@pytest.mark.kafka
@pytest.mark.parametrize("arguments", [("inspect_notification_cache",), ("worker", "sweeper")], ids=" ".join)
def test_redis_refuses_the_password(database, valkey, kafka_broker, arguments):
    wrong = f"redis://:not-the-password-at-all@127.0.0.1:{valkey.port}/0"
    given = database | {"REDIS_URL": wrong, "KAFKA_BOOTSTRAP_SERVERS": kafka_broker.bootstrap_servers}

    said = refuses(*arguments, **given)

    assert said.startswith("REDIS_URL: the server refuses the user or password")
    assert said.endswith(". Correct it")


# Kafka


@pytest.fixture(scope="module")
def untouched_kafka(tmp_path_factory):
    """Where a broker of these tests' own is that has no topics: others may have left theirs on the shared one."""
    require_kafka()
    broker = kafka.start(tmp_path_factory.mktemp("kafka") / "node", cache=kafka.default_cache())
    try:
        broker.wait()
        yield broker.bootstrap_servers
    finally:
        broker.stop()


@pytest.mark.parametrize("name", ["producer", "consumer"])
def test_kafka_is_not_named(database, valkey, name):
    said = refuses("worker", name, **database | {"REDIS_URL": valkey.url, "EMAIL_HOST": "localhost"})

    assert said == "KAFKA_BOOTSTRAP_SERVERS: it is not set. Name it as host:port"


@pytest.mark.kafka
@pytest.mark.parametrize("name", ["producer", "consumer", "retry-consumer"])
def test_a_topic_is_missing_and_may_not_be_made(database, valkey, untouched_kafka, name):
    given = database | {
        "REDIS_URL": valkey.url,
        "EMAIL_HOST": "localhost",
        "KAFKA_BOOTSTRAP_SERVERS": untouched_kafka,
        "KAFKA_CREATE_TOPICS": "false",
    }

    said = refuses("worker", name, **given)

    assert said.startswith("KAFKA_CREATE_TOPICS: topic notifications.daily does not exist on KAFKA_BOOTSTRAP_SERVERS=")
    assert said.endswith(". Create the topic, or set KAFKA_CREATE_TOPICS=true and start again")


@pytest.mark.kafka
def test_kafka_has_fewer_brokers_than_replicas_are_wanted(database, valkey, untouched_kafka):
    given = database | {
        "REDIS_URL": valkey.url,
        "KAFKA_BOOTSTRAP_SERVERS": untouched_kafka,
        "KAFKA_REPLICATION": "3",
    }

    said = refuses("worker", "retry-consumer", **given)

    assert said.startswith("KAFKA_REPLICATION: topic notifications.")
    assert said.endswith("cannot have 3 replicas. Set it to the number of brokers at most")


# language model, channels, workers


def test_no_language_model_is_given(database):
    said = refuses("worker", "builder", **database)

    assert said == "OPENAI_KEY: it is not set, nor is OPENAI_BASE_URL. Give the key, or a server"


def test_no_channel_is_given(database):
    """Told at once, although Kafka does not answer."""
    said = refuses("worker", "consumer", **database | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{a_stranger()}"})

    assert said == "EMAIL_HOST: no channel is configured. Set EMAIL_HOST, SMS_BASE_URL or WEBHOOK_SECRET"


def test_there_is_no_such_worker():
    code, said = Command("worker", "plannner").end()

    assert code != 0
    assert "Traceback" not in said
    assert re.search(r"invalid choice: 'plannner' \(choose from '?planner'?, '?builder'?", said)


def test_a_malformed_setting_stops_the_start():
    code, said = Command("worker", "planner", KAFKA_BOOTSTRAP_SERVERS="kafka").end()

    assert code == 1
    assert said.splitlines() == [
        "The environment cannot be used:",
        "KAFKA_BOOTSTRAP_SERVERS must be host:port, several with commas between, such as localhost:9092.",
        "See .env.example.",
    ]


# services that are away


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("planner", "PostgreSQL"),
        ("builder", "PostgreSQL"),
        ("consumer", "Kafka"),
        ("retry-consumer", "Kafka"),
    ],
)
def test_an_unreachable_service_is_waited_for_and_sigterm_still_ends_it(database, valkey, name, service):
    given = database | {
        "POSTGRES_PORT": a_stranger(),
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{a_stranger()}",
        "REDIS_URL": valkey.url,
        "EMAIL_HOST": "localhost",
        "OPENAI_KEY": "sk-secret-of-the-model",
    }
    worker = Command("worker", name, **given)

    worker.read_until('"event":"unavailable"')
    assert worker.process.poll() is None
    code, said = worker.ask_to_end()

    logged = [json.loads(line) for line in said.splitlines() if '"worker"' in line]
    assert {line["service"] for line in logged if line["event"] == "unavailable"} == {service}
    assert logged[-1]["event"] == "ended"
    assert code == 0
    assert "Traceback" not in said
    for secret in secrets_of(given):
        assert secret not in said
