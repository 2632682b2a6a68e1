"""Several Apache Kafka nodes that are one cluster, each broker and controller in one, on loopback."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from healthnotify.embedded.kafka.artifacts import fetch
from healthnotify.embedded.kafka.broker import KafkaBroker
from healthnotify.embedded.process import free_port

#: What Kafka keeps for itself has as many copies as the topics, and is written when two have it.
SAFE: Final[Mapping[str, object]] = {
    "offsets.topic.replication.factor": 3,
    "transaction.state.log.replication.factor": 3,
    "transaction.state.log.min.isr": 2,
    "share.coordinator.state.topic.replication.factor": 3,
    "share.coordinator.state.topic.min.isr": 2,
    "min.insync.replicas": 2,
    "default.replication.factor": 3,
    # A dead leader is replaced after a second or two, not nine: the election waits for its session, then for nobody.
    "broker.session.timeout.ms": 3000,
    "controller.quorum.fetch.timeout.ms": 2000,
    "controller.quorum.election.timeout.ms": 500,
    "replica.lag.time.max.ms": 3000,
}


class KafkaCluster:
    """Running nodes, numbered from 1 in the order of `nodes`. Each can be killed and restarted alone."""

    bootstrap_servers: str

    def __init__(
        self, directory: Path, *, cache: Path, count: int, settings: Mapping[str, object], outside: Sequence[int]
    ) -> None:
        """`outside`: ports at which clients reach each node, when something stands between them and us."""
        ports = [(free_port(), free_port()) for _ in range(count)]
        self.doors = [free_port() for _ in range(count)] if outside else [port for port, _ in ports]
        reached_at = outside or self.doors
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, (_, port) in enumerate(ports, 1))
        self.bootstrap_servers = ",".join(f"127.0.0.1:{port}" for port in reached_at)
        self.nodes: list[KafkaBroker] = []
        for number, (port, controller) in enumerate(ports, 1):
            own = {"node.id": number, "controller.quorum.voters": voters}
            if outside:
                own |= _doors(port, controller, self.doors[number - 1], outside[number - 1])
            place = directory / f"node-{number}"
            node = KafkaBroker(place, cache=cache, settings={**SAFE, **settings}, ports=(port, controller), own=own)
            self.nodes.append(node)

    def wait(self) -> None:
        """Until every node takes requests. Raises `StartFailed`; then nothing is left running."""
        try:
            for node in self.nodes:
                node.wait()
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        """`kill -9` of all of them at the same time, and all of them started again, as after a power cut."""
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.begin()
        self.wait()

    def stop(self) -> None:
        """End all of it at once: a node that ends in order waits for the others, and its estate is thrown away."""
        for node in self.nodes:
            node.kill()


def start_cluster(
    directory: Path,
    *,
    cache: Path,
    count: int = 3,
    settings: Mapping[str, object] | None = None,
    outside: Sequence[int] = (),
) -> KafkaCluster:
    """Begin to start `count` nodes with their files below `directory`, which must be new; `wait` for them before use.

    With `outside`, a port for each node, clients are told those ports and the nodes take what comes through at `doors`:
    a proxy can stand between. Nodes speak to each other past it.
    """
    fetch(cache)
    return KafkaCluster(directory, cache=cache, count=count, settings=settings or {}, outside=outside)


def _doors(port: int, controller: int, door: int, outside: int) -> dict[str, object]:
    return {
        "listeners": f"PLAINTEXT://127.0.0.1:{port},OUTSIDE://127.0.0.1:{door},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},OUTSIDE://127.0.0.1:{outside}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
    }
