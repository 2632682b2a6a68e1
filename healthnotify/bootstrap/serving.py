"""What the web process needs, and what looks after every process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from os import getpid
from socket import gethostname
from typing import TYPE_CHECKING
from uuid import uuid4

from healthnotify.adapters.telemetry import Log, report_defects, set_up
from healthnotify.apps import database
from healthnotify.apps.operations import reports
from healthnotify.apps.wiring import Wired
from healthnotify.bootstrap.memory import give_back
from healthnotify.bootstrap.outside import kafka, now, ring, staging
from healthnotify.given import is_given, needed, seconds, secret, setting

if TYPE_CHECKING:
    from healthnotify.adapters.kafka import KafkaLag
    from healthnotify.adapters.pulse import Pulse
    from healthnotify.adapters.staging import RedisStaging
    from healthnotify.adapters.watch import Watch


@dataclass(frozen=True, slots=True)
class Serving:
    """Where the web process listens, and whose word about a caller's address is taken."""

    host: str
    port: int
    trusted_proxies: str
    url: str  #: where people reach it


def serving() -> Serving:
    """Where the web process listens."""
    port = setting("web_port")
    url = setting("public_url") if is_given("public_url") else f"http://localhost:{port}"
    return Serving(setting("web_host"), port, setting("trusted_proxies"), url)


def web() -> None:
    """Set up the web process's log and reports. Raises `Misconfigured` when its pages could not work."""
    set_up(setting("log_level"))
    report_defects(secret("sentry_dsn"))
    wired()


@cache
def wired() -> Wired:
    """What the pages and the API may use. Raises `Misconfigured` when they could not work."""
    from healthnotify.adapters.limits import RequestLimits

    needed("django_secret_key", secret("django_secret_key"), "Give 50 random characters")
    return Wired(
        now=now,
        ring=ring(),
        limiter=RequestLimits(secret("redis_url")),
        log=Log("web"),
        requests_per_minute=setting("api_requests_per_minute"),
        address_requests_per_minute=setting("address_requests_per_minute"),
        expires_after_seconds=setting("expires_after_seconds"),
        http_webhooks=setting("webhook_allow_private"),
    )


def watch(worker: str, pulse: Pulse) -> Watch:
    """Looks after this process, which is of that kind; it asks and answers nothing yet."""
    from healthnotify.adapters.watch import Process, watching

    @cache
    def cached() -> RedisStaging:
        return staging()

    @cache
    def lag() -> KafkaLag:
        from healthnotify.adapters.kafka import KafkaLag

        return KafkaLag(kafka())

    return watching(
        Process(uuid4(), worker, gethostname(), getpid(), now()),
        pulse,
        lease=seconds("delivery_lease"),
        reports=reports,
        clock=now,
        ask_postgresql=database.ping,
        due_sizes=lambda: cached().due_sizes(),
        look_at_road=lambda: lag().look(),
        tidy=give_back,
    )
