"""An Apache Kafka node in KRaft mode, broker and controller in one, as a child process on loopback."""

import secrets
import shutil
import signal
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from healthnotify.embedded.kafka.artifacts import fetch, formatted, java
from healthnotify.embedded.process import Process, answers, free_port

PATIENCE: Final = 60  # seconds to start, on a busy machine; 2 s when it is idle
NODE: Final = 1

SETTINGS: Final[Mapping[str, object]] = {
    "process.roles": "broker,controller",
    "node.id": NODE,
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a new topic
    # One node: what Kafka keeps for itself has one copy.
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # After `kill -9` the controller takes the node back when the session of its earlier life is over: 4 s, not 9.
    "broker.heartbeat.interval.ms": 1000,
    "broker.session.timeout.ms": 4000,
    # A consumer that was killed is missed after 10 s, not 45 s, and a rebalance takes one second, not five.
    "group.initial.rebalance.delay.ms": 0,
    "group.consumer.min.heartbeat.interval.ms": 500,
    "group.consumer.heartbeat.interval.ms": 1000,
    "group.consumer.min.session.timeout.ms": 3000,
    "group.consumer.session.timeout.ms": 10_000,
}


class KafkaBroker:
    """A running node. It survives `restart` with its port and its records; `directory` is its whole estate."""

    bootstrap_servers: str

    def __init__(
        self,
        directory: Path,
        *,
        cache: Path,
        settings: Mapping[str, object],
        ports: tuple[int, int] | None = None,
        own: Mapping[str, object] | None = None,
    ) -> None:
        """`ports`: of the broker and of the controller; free ones when none are given. `own`: what sets this node apart
        from the others of its cluster, by names in server.properties; its number above all."""
        port, controller = ports or (free_port(), free_port())
        self._port = port
        self._command = java(cache, "kafka.Kafka", str(directory / "server.properties"))
        self._log = directory / "kafka.log"
        self.bootstrap_servers = f"127.0.0.1:{port}"
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copytree(formatted(cache), directory / "records")
        listeners = {
            "listeners": f"PLAINTEXT://{self.bootstrap_servers},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap_servers}",
            "controller.quorum.voters": f"{NODE}@127.0.0.1:{controller}",
            "log.dirs": directory / "records",
        }
        if own:
            _number(directory / "records" / "meta.properties", own["node.id"])
        lines = [f"{name}={value}\n" for name, value in {**SETTINGS, **settings, **listeners, **(own or {})}.items()]
        (directory / "server.properties").write_text("".join(lines))
        self.directory = directory
        self.begin()

    @property
    def pid(self) -> int:
        """Of the Java process."""
        return self._process.pid

    def wait(self) -> None:
        """Until it takes requests. Raises `StartFailed`; then nothing is left running."""
        try:
            self._process.wait_until(lambda: answers(self._port), seconds=PATIENCE)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask it to end, and wait; takes some 0.4 s. Safe to call twice."""
        self._process.stop()

    def kill(self) -> None:
        """`kill -9`, for tests of crashes."""
        self._process.kill()

    def restart(self) -> None:
        """Stop it if it runs, start it on the same port with the same records, and wait."""
        self.stop()
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Start it again once it has ended; `wait` before use. Of several that were down, none comes up alone."""
        self._process = Process("Kafka", self._command, log=self._log, stop_with=signal.SIGTERM)


def _number(path: Path, number: object) -> None:
    """Make a formatted log folder that node's: it was formatted for node 1, and no two may share an id."""
    unique = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    own = {"node.id": number, "directory.id": unique}
    lines = [line.partition("=") for line in path.read_text().splitlines()]
    path.write_text("".join(f"{name}{sign}{own.get(name, text)}\n" for name, sign, text in lines))


def start(directory: Path, *, cache: Path, settings: Mapping[str, object] | None = None) -> KafkaBroker:
    """Begin to start a node with its files below `directory`, which must be new; `wait` for it before use.

    The first start on a machine calls Maven (`fetch`); call that before when somebody is to see it happen. Call it
    from the main thread, as for `Process`. `settings` go before ours, by their names in server.properties.
    """
    fetch(cache)
    return KafkaBroker(directory, cache=cache, settings=settings or {})
