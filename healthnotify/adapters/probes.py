"""Asks each dependency again and again, in a thread of its own, so that no request waits for one that hangs."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final

from healthnotify.domain.errors import HealthNotifyError, Unavailable
from healthnotify.domain.health import Asked

EVERY: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Need:
    """What a process uses. `ask` raises when it does not answer; it may hang, and may build what it asks with."""

    name: str
    ask: Callable[[], None]
    required: bool = True  #: without it nothing gets done; else only slower


class Probe:
    """What one dependency last answered."""

    def __init__(self, need: Need) -> None:
        self.need = need
        self._answered: float | None = None
        self._problem: str | None = None

    def start(self, ending: threading.Event, every: timedelta) -> None:
        """Ask at once, and every so often from then on, until it ends."""
        threading.Thread(target=self._run, args=(ending, every), name=self.need.name, daemon=True).start()

    def asked(self) -> Asked:
        """What is known."""
        answered = self._answered
        return Asked(None if answered is None else timedelta(seconds=monotonic() - answered), self._problem)

    def _run(self, ending: threading.Event, every: timedelta) -> None:
        while True:
            self._problem = _ask(self.need)
            if self._problem is None:
                self._answered = monotonic()
            if ending.wait(every.total_seconds()):
                return


def _ask(need: Need) -> str | None:
    """The problem, in our words. Of what is not ours only the kind: a library's text may quote a password."""
    try:
        need.ask()
    except Unavailable as problem:
        return problem.problem
    except HealthNotifyError as problem:
        return str(problem)
    except Exception as problem:  # a probe that ends would leave the last good answer standing
        return type(problem).__name__
    return None
