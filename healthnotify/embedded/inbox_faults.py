"""What goes wrong in the inbox on purpose, drawn from a seed so that the same run fails in the same way."""

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares in [0, 1] of what goes wrong, each with a reason to exist."""

    refuse_for_a_while: float = 0.0  #: of recipients: 451 or 503 from their first message on, for `while_seconds`
    while_seconds: float = 8.0
    refuse_for_good: float = 0.0  #: of recipients: 550, or 400 with the provider's code
    accept_then_close: float = 0.0  #: of messages: taken and logged, then the connection is dropped without a reply
    hang: float = 0.0  #: of messages: not taken, and never answered
    seed: int = 0


@dataclass(slots=True)
class Fate:
    """Draws what happens: to a recipient for good, to a message anew each time it comes."""

    faults: Faults
    _first_seen: dict[str, float] = field(default_factory=dict)
    _times: Counter[str] = field(default_factory=Counter)

    def of_recipient(self, recipient: str) -> str | None:
        """`for_good`, `for_a_while` or None."""
        drawn = self._draw("recipient", recipient)
        if drawn < self.faults.refuse_for_good:
            return "for_good"
        if drawn >= self.faults.refuse_for_good + self.faults.refuse_for_a_while:
            return None
        first = self._first_seen.setdefault(recipient, time.monotonic())
        return "for_a_while" if time.monotonic() - first < self.faults.while_seconds else None

    def of_message(self, message: str) -> str | None:
        """`hang`, `close` or None; a message that comes again is drawn for again."""
        if not self.faults.hang and not self.faults.accept_then_close:
            return None
        self._times[message] += 1
        drawn = self._draw("message", f"{message}|{self._times[message]}")
        if drawn < self.faults.hang:
            return "hang"
        return "close" if drawn < self.faults.hang + self.faults.accept_then_close else None

    def _draw(self, what: str, key: str) -> float:
        digest = hashlib.sha256(f"{self.faults.seed}|{what}|{key}".encode()).digest()
        return int.from_bytes(digest[:8]) / 2**64
