"""Kafka as a consumer sees it: one thread takes, any thread finishes, and the commit follows the lowest unfinished."""

import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from healthnotify.adapters.kafka.client import (
    ALL_BROKERS_DOWN,
    LOG,
    PATIENCE,
    KafkaSettings,
    missing_topic,
    said_by,
    unavailable,
)
from healthnotify.adapters.kafka.member import TOO_OLD, of_a_member
from healthnotify.adapters.offsets import OffsetTracker
from healthnotify.adapters.suspects import Suspects, Unread
from healthnotify.domain.delivery import Position, Record
from healthnotify.domain.errors import Fatal, HealthNotifyError, Unavailable
from healthnotify.pipeline.ports import CrashLog, Topic

DRAIN: Final = timedelta(seconds=3)
TICK: Final = 0.02  # seconds that a lone record may wait for company: librdkafka fills a batch or runs out of time
PAUSE_AFTER: Final = 1.0  # seconds without room before partitions are paused: a resume costs up to a second
COMMIT_EVERY: Final = 0.2  # seconds
FAREWELL: Final = 5.0  # seconds that `close` takes at most
COMMIT_LOST: Final = 60.0  # seconds after which a commit that was never answered is made again
OUTAGE: Final = 5.0  # seconds without any broker before we say so
PROBE: Final = 1.0  # seconds for the question whether they are really away


class KafkaIntake:
    """The Intake port. It joins the topic's group with the first `take`."""

    def __init__(
        self, settings: KafkaSettings, topic: Topic, *, drain: timedelta = DRAIN, crash_log: CrashLog | None = None
    ) -> None:
        """`drain`: how long a partition that is taken from us waits for those of its records that are in the works."""
        self._settings = settings
        self._name = settings.name(topic)
        self._group = settings.group(topic)
        self._protocol = settings.group_protocol
        self._drain = drain.total_seconds()
        self._closing = False
        self._consumer: Consumer | None = None
        self._suspects = Suspects(crash_log)
        self._tracker = OffsetTracker()
        self._changed = threading.Condition()  # guards the tracker; told when something is finished
        self._full_since: float | None = None  # when the caller last ran out of room
        self._news = False  # whether something was finished since a `take` waited
        self._paused = False
        self._next_commit = 0.0
        self._unanswered = 0  # commits
        self._doubt_at: float | None = None  # when to look whether all brokers are really away
        self._failure: HealthNotifyError | None = None

    def take(self, limit: int, wait: timedelta) -> list[Record]:
        """Up to `limit` records, as soon as there are any, or none as soon as something is finished.

        Without room for a second, partitions are paused and polling goes on. Not at once: a pause throws away what was
        fetched ahead, and after it librdkafka takes up to a second to fetch again. Heartbeats do not need the polling.
        Raises `Unavailable` when no broker answers for some seconds (call again: librdkafka reconnects by itself),
        `Misconfigured` when the topic is missing, `Fatal` when the client is beyond repair.
        """
        consumer = self._consumer or self._join()
        self._look_for_brokers(consumer)
        full_for = self._full_for(limit)
        if limit == 0 and full_for < PAUSE_AFTER:
            return self._rest(consumer, min(wait.total_seconds(), PAUSE_AFTER - full_for))
        self._pause(consumer, paused=limit == 0)
        if not (self._suspects.waiting and limit):
            self._receive(self._poll(consumer, limit, wait))
        self._commit(consumer)
        records = self._read(limit)
        if self._failure is not None and not records:
            failure, self._failure = self._failure, None
            raise failure
        return records

    def begin(self, records: Collection[Record]) -> None:
        """These are in the works from now on. Like `finish` it wants the very objects that `take` gave."""
        with self._changed:
            for record in records:
                self._tracker.begin(record.position.partition, record.position.offset, record)

    def finish(self, records: Collection[Record]) -> None:
        """These are settled. It wants the very objects that `take` gave: equal ones may be of an older assignment."""
        if not records:  # no news: a `take` that waits for room must not be woken by it
            return
        with self._changed:
            for record in records:
                self._tracker.finish(record.position.partition, record.position.offset, record)
            self._news = True
            self._changed.notify_all()

    def assigned(self) -> list[int]:
        """The partitions that are ours now. Any thread may ask."""
        with self._changed:
            return self._tracker.assigned()

    def close(self) -> None:
        """Commit what is finished and leave the group, without waiting for what is not. Safe to call twice."""
        self._closing = True
        # In a thread, because without a broker it blocks for half a minute, longer than a SIGTERM may take (what is not
        # committed then is delivered again), and because the crash log must not be asked in an event loop's thread.
        closing = threading.Thread(target=self._leave, args=(self._consumer, sys.exception()), daemon=True)
        closing.start()
        closing.join(FAREWELL)
        self._consumer, self._closing = None, False

    def _leave(self, consumer: Consumer | None, problem: BaseException | None) -> None:
        self._suspects.close(problem)
        if consumer is not None:
            consumer.close()  # calls `_revoked`

    def _join(self) -> Consumer:
        heard = {"on_commit": self._commit_answered, "error_cb": self._heard_error}
        consumer = Consumer(of_a_member(self._settings, self._group, self._protocol) | heard, logger=LOG)
        try:
            known = consumer.list_topics(timeout=PATIENCE).topics  # KIP-848 waits for a missing topic in silence
            if self._name not in known:
                raise missing_topic(f"topic {self._name} does not exist", self._settings)
            consumer.subscribe([self._name], self._assigned, self._revoked, self._lost)
        except KafkaException as problem:
            consumer.close()
            raise said_by(problem.args[0], self._settings) from None
        except HealthNotifyError:
            consumer.close()
            raise
        self._consumer, self._unanswered, self._next_commit = consumer, 0, 0.0
        return consumer

    def _full_for(self, limit: int) -> float:
        """Seconds for which the caller has had no room."""
        self._full_since = None if limit > 0 else self._full_since or time.monotonic()
        return 0.0 if self._full_since is None else time.monotonic() - self._full_since

    def _rest(self, consumer: Consumer, seconds: float) -> list[Record]:
        self._commit(consumer)
        with self._changed:
            self._changed.wait_for(lambda: self._news, seconds)
            self._news = False
        return []

    def _poll(self, consumer: Consumer, limit: int, wait: timedelta) -> list[Message]:
        deadline = time.monotonic() + wait.total_seconds()
        while True:
            self._commit(consumer)
            left = deadline - time.monotonic()
            messages = consumer.consume(max(limit, 1), max(0.0, min(TICK, left)))
            if messages or left <= 0 or self._news:
                self._news = False
                return messages

    def _receive(self, messages: Collection[Message]) -> None:
        """Errors among them are kept for later: to raise here would lose their neighbours."""
        ours = self.assigned()
        for message in messages:
            if (error := message.error()) is not None:
                self._heard_failure(error)
            elif (partition := message.partition()) in ours:
                self._suspects.add([Unread(partition, message.offset(), message.value())])  # type: ignore[arg-type]

    def _read(self, limit: int) -> list[Record]:
        """Note them as out."""
        read = self._suspects.next(limit)
        records = [Record(Position(self._name, one.partition, one.offset), content) for one, content in read]
        with self._changed:
            return [r for r in records if self._tracker.take(r.position.partition, r.position.offset, r)]

    def _pause(self, consumer: Consumer, *, paused: bool) -> None:
        if paused is not self._paused:
            self._paused = paused
            _stop_or_go(consumer, paused)(consumer.assignment())

    # Called by librdkafka inside of `consume`, `close` or `poll`, in the thread that takes. They must not raise: the
    # records of that call would be lost, and a later commit would pass over them.

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._suspects.assigned(_numbers(partitions))
        with self._changed:
            self._tracker.assign(_numbers(partitions))
        try:
            consumer.incremental_assign(partitions)
            _stop_or_go(consumer, self._paused)(partitions)  # a pause survives revoke and re-assign
        except KafkaException as problem:
            self._failure = Fatal(f"Kafka: could not take up partitions of {self._name} ({problem.args[0].str()})")

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        ours = _numbers(partitions)
        with self._changed:
            self._changed.wait_for(lambda: self._closing or not self._tracker.in_the_works(ours), self._drain)
            offsets = {p: offset for p, offset in self._tracker.committable().items() if p in ours}
            self._tracker.drop(ours)
        self._suspects.gone(ours)
        # Not waited for: where answers are lost that is long. The coordinator gets it on the same connection
        # before it hears that we let go, so before a new owner asks where to begin; what is not committed all the same
        # is delivered again, and the claim drops it.
        self._let_commit(consumer, offsets)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        with self._changed:
            self._tracker.drop(_numbers(partitions))
        self._suspects.gone(_numbers(partitions))
        LOG.warning("Kafka: partitions of %s were lost: %s", self._name, sorted(_numbers(partitions)))

    def _heard_error(self, error: KafkaError) -> None:
        if error.code() == ALL_BROKERS_DOWN:
            self._doubt_at = self._doubt_at or time.monotonic() + OUTAGE

    def _commit_answered(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        self._unanswered -= 1
        if self._unanswered <= 0:
            self._next_commit = time.monotonic() + COMMIT_EVERY
        taken = {place.partition: place.offset for place in places if error is None and place.error is None}
        with self._changed:
            self._tracker.committed(taken)
        if error is not None:  # tried again with the next commit
            LOG.warning("Kafka: commit of %s failed: %s", self._name, error.str())

    def _commit(self, consumer: Consumer) -> None:
        """One at a time: librdkafka lets no partition change hands before all are answered, or given up by it."""
        if time.monotonic() < self._next_commit:
            return
        with self._changed:
            offsets = self._tracker.committable()
        self._let_commit(consumer, offsets)

    def _let_commit(self, consumer: Consumer, offsets: Mapping[int, int]) -> None:
        if not offsets:
            return
        places = [TopicPartition(self._name, partition, offset) for partition, offset in offsets.items()]
        self._next_commit = time.monotonic() + COMMIT_LOST
        self._unanswered += 1
        try:
            consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as problem:
            self._commit_answered(problem.args[0], [])

    def _look_for_brokers(self, consumer: Consumer) -> None:
        """librdkafka says once that all brokers are down and never that they are back, so we ask."""
        if self._doubt_at is None or time.monotonic() < self._doubt_at:
            return
        try:
            consumer.list_topics(self._name, timeout=PROBE)
            self._doubt_at = None
        except KafkaException as problem:
            self._doubt_at = time.monotonic() + OUTAGE
            raise unavailable(problem.args[0], self._settings) from None

    def _heard_failure(self, error: KafkaError) -> None:
        if self._protocol == "consumer" and any(words in error.str() for words in TOO_OLD):
            self._fall_back()
            return
        failure = said_by(error, self._settings)
        if isinstance(failure, Unavailable):
            LOG.warning("Kafka: %s: %s", self._name, error.str())  # transient: librdkafka goes on by itself
        else:
            self._failure = failure

    def _fall_back(self) -> None:
        """To the classic protocol; nothing was assigned yet, and the next `take` joins anew."""
        LOG.warning("Kafka: the brokers have no KIP-848 groups; set KAFKA_GROUP_PROTOCOL=classic to spare this try")
        self._protocol = "classic"
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None


def _stop_or_go(consumer: Consumer, paused: bool) -> Callable[[list[TopicPartition]], None]:  # noqa: FBT001
    return consumer.pause if paused else consumer.resume


def _numbers(partitions: Collection[TopicPartition]) -> frozenset[int]:
    return frozenset(each.partition for each in partitions)
