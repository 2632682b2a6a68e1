"""Whether dead letters pour: then something is wrong with us or with a provider, and not with single notifications."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class FloodRule:
    """More than `in_a_row` dead letters with nothing good between them, or more than `share` of what was handled within
    `window`; a share of fewer than `floor` dead letters says nothing: one of ten is no flood."""

    in_a_row: int = 50
    share: float = 0.05
    floor: int = 20
    window: timedelta = timedelta(minutes=5)


USUAL: Final = FloodRule()


@dataclass(slots=True)
class _Second:
    at: datetime
    handled: int
    buried: int


@dataclass(slots=True)
class Flood:
    """Counts what one kind of work comes to. Not safe to share between threads."""

    rule: FloodRule = USUAL
    in_a_row: int = 0  #: dead letters since something good
    _seconds: deque[_Second] = field(default_factory=deque)  # at most one a second of the window
    _handled: int = 0
    _buried: int = 0

    def observe(self, now: datetime, handled: int, buried: int) -> str | None:
        """So many were handled, of which so many are dead letters now. Answers why that is a flood, or None.

        Of a batch nobody knows the order, so one good record among them ends the row; the share sees it all the same.
        """
        if handled > 0:
            self.in_a_row = self.in_a_row + buried if handled == buried else 0
            self._add(now, handled, buried)
        self._forget(now - self.rule.window)
        return self._why()

    def room(self) -> int:
        """How many may become dead letters now, so that a row of them ends just past the rule."""
        return max(1, self.rule.in_a_row + 1 - self.in_a_row)

    def _why(self) -> str | None:
        if self.in_a_row > self.rule.in_a_row:
            return f"{self.in_a_row} dead letters in a row"
        if self._buried >= self.rule.floor and self._buried > self.rule.share * self._handled:
            minutes = self.rule.window // timedelta(minutes=1)
            return f"{self._buried} of {self._handled} became dead letters within {minutes} minutes"
        return None

    def _add(self, now: datetime, handled: int, buried: int) -> None:
        self._handled += handled
        self._buried += buried
        last = self._seconds[-1] if self._seconds else None
        if last is not None and now - last.at < timedelta(seconds=1):
            last.handled += handled
            last.buried += buried
        else:
            self._seconds.append(_Second(now, handled, buried))

    def _forget(self, before: datetime) -> None:
        while self._seconds and self._seconds[0].at <= before:
            old = self._seconds.popleft()
            self._handled -= old.handled
            self._buried -= old.buried
