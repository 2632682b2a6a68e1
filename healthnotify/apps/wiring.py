"""What a request may use, put on it by the one place that joins things: no page reads the clock or the settings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast

from django.http import HttpRequest

from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.domain.delivery import Step
from healthnotify.pipeline.ports import Limiter


class Log(Protocol):
    """The web process's log."""

    def steps(self, steps: Iterable[Step]) -> None:
        """One line a step."""

    def note(self, event: str, **fields: object) -> None:
        """Something that went as it should: ids and codes, nothing about a person."""

    def trouble(self, event: str, **fields: object) -> None:
        """Something that an operator may have to look at: as little about anybody."""

    def broken(self, event: str, problem: BaseException) -> None:
        """A request that failed by our own fault: the exception's kind and place, never its message."""


@dataclass(frozen=True, slots=True)
class Wired:
    """Clock, key ring, limits and log of this installation."""

    now: Callable[[], datetime]
    ring: KeyRing
    limiter: Limiter
    log: Log
    requests_per_minute: int  #: of one caller
    address_requests_per_minute: int  #: of one address, over all callers and those without a key
    expires_after_seconds: float  #: of a notification, when nothing else is said
    http_webhooks: bool = False  #: whether receivers on one's own network may be entered, without encryption


def wired(request: object) -> Wired:
    """What was put on this request (Django's, or REST framework's around it)."""
    inner = getattr(request, "_request", request)
    return cast("Wired", cast("HttpRequest", inner).wired)  # type: ignore[attr-defined]
