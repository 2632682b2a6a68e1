"""What waits, as it was last seen: records on the road, ids in the due indexes. What is old is not told any more."""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from time import monotonic
from typing import Generic, TypeVar

from healthnotify.domain.health import LATELY, Place, Wait, waiting, waits
from healthnotify.pipeline.ports import DueIndex, Topic

Value = TypeVar("Value")


class Seen(Generic[Value]):
    """A value for as long as it is new."""

    def __init__(self) -> None:
        self._last: tuple[float, Value] | None = None

    def keep(self, value: Value) -> None:
        """This is how it is now."""
        self._last = (monotonic(), value)

    def lately(self) -> Value | None:
        """How it was a few seconds ago at most; None when nobody knows."""
        if self._last is None or monotonic() - self._last[0] >= LATELY.total_seconds():
            return None
        return self._last[1]


class RoadBacklog:
    """The lag of each consumed topic, and for how long nothing has moved."""

    def __init__(self, look: Callable[[], Mapping[Topic, Mapping[int, Place]]]) -> None:
        self._look = look
        self._places: Seen[Mapping[Topic, Mapping[int, Place]]] = Seen()
        self._waits: dict[Topic, dict[int, Wait]] = {}

    def ask(self) -> None:
        """Look again; raises what `look` raises."""
        places = self._look()
        at = monotonic()
        self._waits = {topic: waits(self._waits.get(topic, {}), found, at) for topic, found in places.items()}
        self._places.keep(places)

    def lag(self) -> dict[str, int]:
        """Records by topic."""
        places = self._places.lately() or {}
        return {topic.value: sum(place.lag for place in found.values()) for topic, found in places.items()}

    def waiting(self, topic: Topic, assigned: Collection[int]) -> timedelta | None:
        """For how long records of `topic` have waited for who has these partitions; None when none do, or who knows."""
        if self._places.lately() is None:
            return None
        return waiting(self._waits.get(topic, {}), assigned, monotonic())


class DueBacklog:
    """The sizes of the due indexes."""

    def __init__(self, look: Callable[[], Mapping[DueIndex, int]]) -> None:
        self._look = look
        self._sizes: Seen[Mapping[DueIndex, int]] = Seen()

    def ask(self) -> None:
        """Look again; raises what `look` raises."""
        self._sizes.keep(self._look())

    def sizes(self) -> dict[str, int]:
        """Ids by index."""
        return {index.value: size for index, size in (self._sizes.lately() or {}).items()}
