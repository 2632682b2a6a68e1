"""Ports that count what passes through them, and tell the pulse; they change nothing else."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final, Protocol, TypeVar

from healthnotify.adapters import metrics
from healthnotify.adapters.pulse import Pulse
from healthnotify.domain.delivery import Due, Record, Step
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.model import Brief, Draft, Entry
from healthnotify.pipeline.ports import DueIndex, Intake, NotWritten, Staging, Topic, Writer

Result = TypeVar("Result")

SERVED: Final = "served"


class ClosableWriter(Writer, Protocol):
    """A model with a connection to let go of."""

    async def close(self) -> None:
        """Let go of connections."""


class CountedStaging:
    """The Staging port: how often it serves. Each call is a sign of life, for a rebuild is one long turn of many."""

    def __init__(self, staging: Staging, pulse: Pulse) -> None:
        self._staging = staging
        self._pulse = pulse

    def put(self, entries: Sequence[Entry]) -> None:
        """See `ports.Staging`."""
        if entries:
            self._count("put", lambda: self._staging.put(entries))

    def follow(self, steps: Sequence[Step]) -> None:
        """See `ports.Staging`."""
        if steps:
            self._count("follow", lambda: self._staging.follow(steps))

    def due(self, index: DueIndex, now: datetime, limit: int, hide: timedelta) -> list[Due] | None:
        """See `ports.Staging`."""
        return self._count("due", lambda: self._staging.due(index, now, limit, hide), cold=None)

    def is_cold(self) -> bool:
        """See `ports.Staging`."""
        return self._count("is_cold", self._staging.is_cold, cold=True)

    def clear(self) -> None:
        """See `ports.Staging`."""
        self._count("clear", self._staging.clear)

    def warm(self) -> None:
        """See `ports.Staging`."""
        self._count("warm", self._staging.warm)

    def _count(self, name: str, call: Callable[[], Result], **cold: object) -> Result:
        self._pulse.beat()
        try:
            answer = call()
        except Unavailable:
            metrics.count_cache(name, "unavailable")
            raise
        metrics.count_cache(name, "cold" if cold and answer is cold["cold"] else SERVED)
        return answer


class CountedWriter:
    """The Writer port: how long it takes, and what comes of it."""

    def __init__(self, writer: ClosableWriter) -> None:
        self._writer = writer

    @property
    def model(self) -> str:
        """See `ports.Writer`."""
        return self._writer.model

    @property
    def prompt_id(self) -> str:
        """See `ports.Writer`."""
        return self._writer.prompt_id

    async def write(self, brief: Brief, deadline: timedelta) -> Draft:
        """See `ports.Writer`."""
        began = perf_counter()
        try:
            draft = await self._writer.write(brief, deadline)
        except NotWritten as problem:
            metrics.count_model(problem.reason, perf_counter() - began)
            raise
        metrics.count_model("written", perf_counter() - began)
        return draft

    async def close(self) -> None:
        """Let go of connections."""
        await self._writer.close()


class WatchedIntake:
    """The Intake port: tells the pulse that something is consumed."""

    def __init__(self, intake: Intake, topic: Topic, pulse: Pulse) -> None:
        self._intake = intake
        self._pulse = pulse
        pulse.consumes(topic, intake.assigned)

    def take(self, limit: int, wait: timedelta) -> list[Record]:
        """See `ports.Intake`."""
        records = self._intake.take(limit, wait)
        if records:
            self._pulse.consumed()
        return records

    def begin(self, records: Sequence[Record]) -> None:
        """See `ports.Intake`."""
        self._intake.begin(records)

    def finish(self, records: Sequence[Record]) -> None:
        """See `ports.Intake`."""
        if records:
            self._pulse.consumed()
        self._intake.finish(records)

    def assigned(self) -> Collection[int]:
        """See `ports.Intake`."""
        return self._intake.assigned()

    def close(self) -> None:
        """See `ports.Intake`."""
        self._intake.close()
