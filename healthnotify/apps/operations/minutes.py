"""Figures of the last hour, kept by the minute: what is over is not asked for again."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

OPEN: Final = timedelta(minutes=2)  #: so long is what is asked for again

Row = dict[str, Any]  #: with its `minute`, counted since 1970


@dataclass(slots=True)
class Minutes:
    """The rows of one figure."""

    window: timedelta
    _rows: dict[int, list[Row]] = field(default_factory=dict)
    _open: int = 0  #: the first minute of which not everything is known

    def since(self, now: datetime) -> datetime:
        """From when on rows are wanted: the first minute that is open or, after a long sleep, the whole window."""
        return datetime.fromtimestamp(max(self._open, self._first(now)) * 60, UTC)

    def take(self, rows: list[Row], now: datetime) -> list[Row]:
        """Add what was answered for the time from `since(now)` to `now`; answers all rows of the window, each with how
        many minutes `ago` it was.

        A transaction may show up some seconds after the time that it wrote down, so a minute stays open for one more.
        """
        first, wanted, current = self._first(now), max(self._open, self._first(now)), number(now)
        self._rows = {minute: old for minute, old in self._rows.items() if first <= minute < wanted}
        for row in rows:
            self._rows.setdefault(row["minute"], []).append(row)
        self._open = current - OPEN // timedelta(minutes=1) + 1
        return [row | {"ago": current - row["minute"]} for found in self._rows.values() for row in found]

    def _first(self, now: datetime) -> int:
        return number(now - self.window) + 1


def number(instant: datetime) -> int:
    """Of the minute, since 1970."""
    return int(instant.timestamp() // 60)
