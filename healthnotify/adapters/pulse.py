"""What a process shows of its progress while it works; any thread may tell, and any may look."""

import threading
from collections.abc import Callable, Collection
from datetime import timedelta
from time import monotonic
from typing import Final, TypeVar

from healthnotify.domain.health import Signs
from healthnotify.pipeline.ports import Topic

Result = TypeVar("Result")

NOTHING: Final = timedelta(0)


class Pulse:
    """Stamps of a clock that nobody sets. They are single assignments, so that telling costs next to nothing."""

    def __init__(self) -> None:
        self._came_round = monotonic()
        self._consumed = monotonic()
        self._did: float | None = None
        self._excused = monotonic()
        self._under_way: dict[int, float] = {}  # thread -> when its call began, or last showed a sign of life
        self._holds: str | None = None
        self._topic: Topic | None = None
        self._assigned: Callable[[], Collection[int]] = tuple

    def came_round(self) -> None:
        """The loop runs."""
        self._came_round = monotonic()

    def waited(self) -> None:
        """For an unavailable service: nothing else can be expected meanwhile."""
        self._came_round = self._consumed = monotonic()

    def excuse(self) -> None:
        """What it cannot do without does not answer: whatever hangs may hang for that reason, and counts from now."""
        self.waited()
        self._excused = monotonic()

    def during(self, call: Callable[[], Result]) -> Result:
        """Make a call that may never return, in a thread of its own."""
        thread = threading.get_ident()
        self._under_way[thread] = monotonic()
        try:
            return call()
        finally:
            del self._under_way[thread]

    def beat(self) -> None:
        """The call that is under way in this thread is long, and gets on."""
        if (thread := threading.get_ident()) in self._under_way:
            self._under_way[thread] = monotonic()

    def did(self) -> None:
        """Something came of it."""
        self._did = monotonic()

    def holds(self, why: str | None) -> None:
        """It takes nothing for that reason, and it shall; None: it takes what there is."""
        self._holds = why
        if why is not None:
            self.waited()

    @property
    def why_it_holds(self) -> str | None:
        """Why it takes nothing, though it could; None when it does."""
        return self._holds

    def consumes(self, topic: Topic, assigned: Callable[[], Collection[int]]) -> None:
        """It reads this topic; `assigned` answers which partitions."""
        self._topic, self._assigned = topic, assigned
        self._consumed = monotonic()

    def consumed(self) -> None:
        """It took a record, or finished one."""
        self._consumed = self._did = monotonic()

    @property
    def topic(self) -> Topic | None:
        """What it consumes."""
        return self._topic

    @property
    def assigned(self) -> Collection[int]:
        """Which partitions of that are its own."""
        return self._assigned()

    def since_it_did(self) -> timedelta | None:
        """Since something came of its work; None: not yet."""
        return None if self._did is None else timedelta(seconds=monotonic() - self._did)

    def signs(self, waiting: timedelta | None) -> Signs:
        """How it looks now; `waiting` as in `Signs`."""
        at = monotonic()
        calls = list(self._under_way.values())
        return Signs(
            round=timedelta(seconds=at - self._came_round),
            call=timedelta(seconds=at - max(min(calls), self._excused)) if calls else NOTHING,
            consumed=None if self._topic is None else timedelta(seconds=at - self._consumed),
            waiting=waiting,
        )
