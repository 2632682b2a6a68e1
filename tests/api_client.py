"""For tests of the API: a caller with every scope, a clock in the test's hand, and a log that can be read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.test import APIClient

from healthnotify.apps.access import keys
from healthnotify.apps.access.scopes import FOR_KEYS, Scope
from healthnotify.apps.wiring import Wired
from healthnotify.domain.delivery import Step
from healthnotify.domain.limits import Allowance, tightest
from healthnotify.web import wiring
from tests.postgres_store import RING

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class RecordingLog:
    """Keeps what was said."""

    told: list[Step] = field(default_factory=list)
    notes: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    defects: list[BaseException] = field(default_factory=list)

    def steps(self, steps: Iterable[Step]) -> None:
        self.told += steps

    def note(self, event: str, **fields: object) -> None:
        self.notes.append((event, fields))

    def trouble(self, event: str, **fields: object) -> None:
        self.notes.append((event, fields))

    def broken(self, event: str, problem: BaseException) -> None:
        self.defects.append(problem)


@dataclass
class CountingLimiter:
    """Counts and allows until the limit; only a test gives anybody their requests back."""

    taken: dict[str, int] = field(default_factory=dict)

    def take(self, limits: Mapping[str, int]) -> Allowance:
        return tightest([self._one(name, per_minute) for name, per_minute in limits.items()])

    def _one(self, name: str, per_minute: int) -> Allowance:
        self.taken[name] = count = self.taken.get(name, 0) + 1
        allowed = count <= per_minute
        return Allowance(allowed, per_minute, max(0, per_minute - count), 60.0, 0.0 if allowed else 7.0)


@dataclass
class Installation:
    """What `bootstrap.wired` answers in a test; change `at` or `wired` to change the world."""

    at: datetime = NOON
    log: RecordingLog = field(default_factory=RecordingLog)
    limiter: CountingLimiter = field(default_factory=CountingLimiter)

    def __post_init__(self) -> None:
        self.wired = Wired(
            now=lambda: self.at,
            ring=RING,
            limiter=self.limiter,
            log=self.log,
            requests_per_minute=100_000,
            address_requests_per_minute=100_000,
            expires_after_seconds=4 * 3600,
        )

    def later(self, by: timedelta) -> None:
        """Let time pass."""
        self.at += by

    def change(self, **settings: object) -> None:
        """Give another limit, for example `requests_per_minute=3`."""
        self.wired = replace(self.wired, **settings)


class Caller(APIClient):
    """Speaks JSON to the API with one key; `once` is the request's Idempotency-Key."""

    def generic(self, method, path, *args, once=None, if_match=None, if_none_match=None, **extra):
        given = {"Idempotency-Key": once, "If-Match": if_match, "If-None-Match": if_none_match}
        headers = {name: text for name, text in given.items() if text is not None}
        return super().generic(method, path, *args, headers=headers | (extra.pop("headers", None) or {}), **extra)


def calling(key: str | None = None) -> Caller:
    """A caller with that key, or with none."""
    caller = Caller(raise_request_exception=False)
    caller.default_format = "json"
    if key:
        caller.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return caller


@pytest.fixture
def installation(monkeypatch) -> Installation:
    """This test's installation: clock, log, limits."""
    made = Installation()
    monkeypatch.setattr(wiring, "wired", lambda: made.wired)
    return made


@pytest.fixture
def a_key(db, installation) -> Callable[..., str]:
    """Makes a key with these scopes."""

    def make(*scopes: Scope, **options: object) -> str:
        return keys.make("test", list(scopes), by="command", at=installation.at, **options)[1]

    return make


@pytest.fixture
def api(a_key) -> Caller:
    """A caller who may do everything that a key may."""
    return calling(a_key(*FOR_KEYS))
