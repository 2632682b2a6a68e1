"""How many retries may be made: a tenth of the first attempts and five a second, so that no dead provider doubles the
load. (SRE book: 10 %; Finagle: 20 % and ten a second.)

A retry that finds no room is not given up: it is put in the first second that has some.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

SHARE: Final = 0.1  #: of the first attempts
PER_SECOND: Final = 5.0
LATELY: Final = timedelta(seconds=10)
MANY: Final = 10_000  #: seconds that are remembered before the past is looked for among them
SECOND: Final = timedelta(seconds=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class RetryBudget:
    """Reserves seconds for retries. Of one process: what it has reserved is forgotten with it."""

    share: float = SHARE
    per_second: float = PER_SECOND
    _first: float = 0.0  #: first attempts a second
    _heard_at: datetime | None = None
    _taken: dict[int, int] = field(default_factory=dict)  #: second since 1970 -> retries in it
    _after: dict[int, int] = field(default_factory=dict)  #: a full second -> where to look instead
    _look_again_at: int = 2 * MANY

    @property
    def room(self) -> int:
        """Retries that one second holds."""
        return max(1, int(self.per_second + self.share * self._first))

    def is_stale(self, now: datetime) -> bool:
        """Whether it is to hear of first attempts again."""
        return self._heard_at is None or not timedelta(0) <= now - self._heard_at < LATELY

    def heard(self, first_attempts: int, *, now: datetime) -> None:
        """So many first attempts were made within `LATELY`: the budget grows with them."""
        self._first, self._heard_at = first_attempts / LATELY.total_seconds(), now

    def reserve(self, wanted: datetime, *, now: datetime) -> datetime:
        """The first instant at or after `wanted` that has room; it is taken then."""
        self._forget(now)
        asked = (wanted - EPOCH) // SECOND
        second = self._free(asked)
        place = self._taken.get(second, 0)
        self._taken[second] = place + 1
        if second == asked:
            return wanted
        return EPOCH + second * SECOND + place * SECOND / self.room  # one after the other, not all at its beginning

    def _free(self, second: int) -> int:
        """The first with room, by ways that get shorter with each use: a dead provider fills hours of seconds."""
        passed = []
        while self._taken.get(second, 0) >= self.room:
            passed.append(second)
            second = self._after.get(second, second + 1)
        for full in passed:
            self._after[full] = second
        return second

    def _forget(self, now: datetime) -> None:
        """Drop what is past, now and then."""
        if len(self._taken) > self._look_again_at:
            first = (now - EPOCH) // SECOND
            self._taken = {second: number for second, number in self._taken.items() if second >= first}
            self._after = {second: after for second, after in self._after.items() if second >= first}
            self._look_again_at = 2 * max(len(self._taken), MANY)
