"""All services of a chaos run, started once: each behind a proxy, and what leads the workers to them."""

import json
import os
import secrets
import shutil
import signal
import stat
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from redis import Redis

from healthnotify.adapters.kafka.client import GROUPS
from healthnotify.embedded import kafka, model_server, variables
from healthnotify.embedded.model_server import Faults as ModelFaults
from healthnotify.embedded.postgres import Postgres
from healthnotify.embedded.process import Process, answers, descendants, free_port, is_alive
from healthnotify.embedded.valkey import Valkey
from healthnotify.pipeline.ports import Topic
from tests.chaos.judge import Request, read_log
from tests.chaos.ledger import Ledger
from tests.chaos.provider import Rule
from tests.chaos.proxy import LOOPBACK, Sky

BROKERS: Final = 3
PARTITIONS: Final = 6
#: Short times that keep the proportions of production: a lease is more than three times a send.
TIMES: Final = {
    "SEND_TIMEOUT_SECONDS": "1.2",
    "DELIVERY_LEASE_SECONDS": "4",
    "WRITING_DEADLINE_SECONDS": "2",
    "RETRY_ATTEMPTS": "6",
    "RETRY_FIRST_SECONDS": "0.3",
    "RETRY_LONGEST_SECONDS": "2",
    "EXPIRES_AFTER_SECONDS": "120",
    "IN_FLIGHT": "64",
}
#: A consumer that was killed is missed after 3 s.
SESSIONS: Final = {
    "group.consumer.session.timeout.ms": 3000,
    "group.consumer.heartbeat.interval.ms": 500,
    "group.consumer.min.session.timeout.ms": 1000,
}


class Provider:
    """The simulator, in a process of its own."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.smtp_port, self.http_port, self._control_port = free_port(), free_port(), free_port()
        self.log_path = directory / "provider.jsonl"
        ports = {"smtp": self.smtp_port, "http": self.http_port, "control": self._control_port}
        options = [f"--{name}-port={port}" for name, port in ports.items()] + [f"--log={self.log_path}"]
        command = [sys.executable, "-m", "tests.chaos.provider", f"--seed={seed}", *options]
        self._process = Process("the provider", command, log=directory / "provider.log")

    def wait(self) -> None:
        """Until it listens. Raises `StartFailed`."""
        ports = (self.smtp_port, self.http_port, self._control_port)
        self._process.wait_until(lambda: all(answers(port) for port in ports), seconds=20)

    def stop(self) -> None:
        """End it."""
        self._process.stop()

    def rules(self, *rules: Rule) -> None:
        """Misbehave so from now on; without a rule, take everything."""
        self._ask("/rules", json.dumps([asdict(rule) for rule in rules]).encode())

    def number(self) -> int:
        """Of the last request."""
        return int(self._ask("/")["number"])

    def requests(self, after: int = 0) -> list[Request]:
        """What it wrote down after that number. Raises `ValueError` when the log is not complete."""
        known = self.number()
        return read_log(self.log_path.read_text(), known)[after:]

    def _ask(self, path: str, content: bytes | None = None) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self._control_port}{path}", content, timeout=10) as answer:
            return json.loads(answer.read())


class Services:
    """PostgreSQL, Valkey, three brokers, the model, the provider; and the lines on which workers reach them."""

    def __init__(self, seed: int, tell: Callable[[str], None]) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="healthnotify-chaos-"))
        self.directory.chmod(self.directory.stat().st_mode | stat.S_IXOTH)
        self.kills = 0  #: of services, by faults
        self.sky = Sky()
        names = ["postgres", "redis", "model", "smtp", "http", *(f"kafka-{n}" for n in range(1, BROKERS + 1))]
        self.lines = {name: self.sky.line(name) for name in names}
        tell(f"files are in {self.directory}")
        self.postgres = Postgres(self.directory / "postgresql", durable=False)
        self.postgres.launch()
        self.valkey = Valkey(self.directory / "valkey")
        outside = [self.lines[f"kafka-{n}"].port for n in range(1, BROKERS + 1)]
        self.kafka = kafka.start_cluster(
            self.directory / "kafka", cache=kafka.default_cache(), count=BROKERS, settings=SESSIONS, outside=outside
        )
        self.model = model_server.start(self._folder("model"), faults=ModelFaults(seconds=0.02))
        self.provider = Provider(self.directory, seed)

    def wait(self) -> None:
        """Until all of them serve, and the lines lead to them."""
        for one in (self.provider, self.model, self.valkey, self.postgres, self.kafka):
            one.wait()
        targets = {
            "postgres": self.postgres.port,
            "redis": self.valkey.port,
            "model": self.model.port,
            "smtp": self.provider.smtp_port,
            "http": self.provider.http_port,
        }
        targets |= {f"kafka-{n}": door for n, door in enumerate(self.kafka.doors, 1)}
        for name, port in targets.items():
            self.lines[name].target = port
        self.ledger = Ledger(self.postgres.url)
        self.redis = Redis.from_url(self.valkey.url, decode_responses=True)

    def environment(self) -> dict[str, str]:
        """What leads the workers to the lines. The harness itself goes past them: see `direct`."""
        texts = {"SMS_ACCOUNT": f"AC{secrets.token_hex(16)}", "SMS_TOKEN": secrets.token_hex(16)}
        return {
            **variables.made_up(self.directory / "secrets.json"),
            **self.postgres.environment(),
            **TIMES,
            "POSTGRES_PORT": str(self.lines["postgres"].port),
            "REDIS_URL": self._through("redis", self.valkey.url, self.valkey.port),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_PARTITIONS": str(PARTITIONS),
            "KAFKA_REPLICATION": str(BROKERS),
            **variables.of_model(self.model),
            "OPENAI_BASE_URL": self._through("model", self.model.base_url, self.model.port),
            "OPENAI_REQUESTS_PER_MINUTE": "60000",
            "EMAIL_HOST": LOOPBACK,
            "EMAIL_PORT": str(self.lines["smtp"].port),
            "EMAIL_USE_TLS": "false",
            "SMS_BASE_URL": f"http://{LOOPBACK}:{self.lines['http'].port}",
            "SMS_FROM": variables.SMS_SENDER,
            **texts,
            "WEBHOOK_ALLOW_PRIVATE": "true",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        }

    def direct(self) -> dict[str, str]:
        """The same for the harness: what it reads and writes must not suffer from the faults."""
        return {
            **self.environment(),
            "POSTGRES_PORT": str(self.postgres.port),
            "REDIS_URL": self.valkey.url,
        }

    def leader(self, topic: Topic = Topic.DAILY, partition: int = 0) -> int:
        """Which node leads that partition, as a client hears it; -1 when nobody does."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})
        try:
            return int(admin.list_topics(str(topic), timeout=5).topics[str(topic)].partitions[partition].leader)
        except KafkaException:
            return -1

    def shares(self, group: str = GROUPS[Topic.DAILY]) -> list[int]:
        """How many partitions each member of that consumer group holds; empty when nobody can say."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})
        try:
            (found,) = admin.describe_consumer_groups([group], request_timeout=5).values()
            members = found.result().members
        except KafkaException:
            return []
        return [len(member.assignment.topic_partitions) if member.assignment else 0 for member in members]

    @property
    def hook(self) -> str:
        """Where users receive webhooks, through the proxy."""
        return f"http://{LOOPBACK}:{self.lines['http'].port}/hook"

    def heal(self) -> None:
        """Everything runs and every line is clear; whoever is down is started again."""
        self.sky.heal()
        self.provider.rules()
        down = [one for one in (*self.kafka.nodes, self.valkey, self.postgres) if not is_alive(one.pid)]
        for one in (*self.kafka.nodes, self.valkey, self.postgres):
            if one not in down:
                for pid in (one.pid, *descendants(one.pid)):
                    os.kill(pid, signal.SIGCONT)
        for one in down:
            one.begin() if one in self.kafka.nodes else one.restart()
        for one in down:
            one.wait()

    @contextmanager
    def frozen(self, pid: int) -> Iterator[None]:
        """That process stands still within (SIGSTOP), and goes on afterwards."""
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def stop(self, *, keep: bool) -> None:
        """End all; the files stay when they may tell something."""
        for one in (self.provider, self.model, self.kafka, self.valkey, self.postgres):
            one.stop()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _through(self, line: str, url: str, port: int) -> str:
        return url.replace(f":{port}", f":{self.lines[line].port}")

    def _folder(self, name: str) -> Path:
        (self.directory / name).mkdir(exist_ok=True)
        return self.directory / name
