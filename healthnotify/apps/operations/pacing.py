"""How often a figure may be asked for, so that watching never costs the database more than its share of time."""

from dataclasses import dataclass
from typing import Final

SHORTEST: Final = 1.0  #: seconds between two askings, however cheap they are


@dataclass(slots=True)
class Pace:
    """Of one figure. A statement that took long is followed by a pause that is long in proportion: whatever the table
    has grown to, the statement runs for at most `share` of the time, for all viewers together."""

    share: float  #: of the database's time, in (0, 1)
    due_at: float = float("-inf")

    def is_due(self, at: float) -> bool:
        """Whether it may be asked for at that instant (seconds of any clock that only goes forward)."""
        return at >= self.due_at

    def took(self, seconds: float, ended_at: float) -> None:
        """Note how long the statement ran, and when it ended."""
        self.due_at = ended_at + max(SHORTEST, seconds / self.share)

    def failed(self, ended_at: float) -> None:
        """Nothing ran: nobody answered."""
        self.due_at = ended_at + SHORTEST
