"""librdkafka's broker inside this process: the fall-back for a demo where Java or Maven is missing.

It speaks the real protocol to other processes too, but keeps nothing on disk, has no admin API (a topic appears when it
is first asked for, with four partitions), and drops what exceeds 5 MB or 100,000 records a partition.
"""

from typing import Final

from confluent_kafka import Producer

PATIENCE: Final = 5.0  # seconds


class InProcessBroker:
    """A broker that lives as long as this object does."""

    bootstrap_servers: str

    def __init__(self) -> None:
        self._keeper: Producer | None = Producer({"test.mock.num.brokers": 1, "log_level": 3})
        brokers = self._keeper.list_topics(timeout=PATIENCE).brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def wait(self) -> None:
        """Nothing to wait for; here so that it starts like the real one."""

    def stop(self) -> None:
        """Let go of it: the broker ends with its last reference."""
        self._keeper = None
