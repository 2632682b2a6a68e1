"""A worker as it really is, with short times, and with points at which it dies: `python -m tests.chaos.worker NAME`.

The environment names the services as for `manage.py worker`; `CRASH_AT` says where to die (see `steps`).
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from healthnotify import bootstrap  # noqa: E402
from healthnotify.adapters.kafka import KafkaRoad, ensure_topics, member  # noqa: E402
from healthnotify.domain.breaker import BreakerRule  # noqa: E402
from healthnotify.domain.flood import Flood, FloodRule  # noqa: E402
from healthnotify.domain.model import Channel  # noqa: E402
from healthnotify.given import secret  # noqa: E402
from healthnotify.pipeline import deliver, publish  # noqa: E402
from healthnotify.pipeline.build import Writing  # noqa: E402
from healthnotify.pipeline.deliver import sending  # noqa: E402
from healthnotify.pipeline.ports import Topic  # noqa: E402
from healthnotify.pipeline.sweep import Patience  # noqa: E402
from healthnotify.workers import floodgate, loop  # noqa: E402
from tests.chaos import deadly  # noqa: E402
from tests.chaos.steps import VERBS, CrashPoints, Stepping  # noqa: E402
from tests.chaos.taken import NotedIntake  # noqa: E402

DELIVERY_TIMEOUT: Final = timedelta(seconds=4)
#: Longer than Kafka's delivery timeout, as in production; short, because a crash hides what is due as well.
HIDE: Final = timedelta(seconds=5)
#: How long what is stopped waits before it is looked at again.
STOP_REST: Final = timedelta(seconds=2)
PATIENCE: Final = Patience(due=timedelta(seconds=3), road=timedelta(seconds=3))
WRITING: Final = Writing(lease=timedelta(seconds=4), deadline=timedelta(seconds=2))
LONGEST_PAUSE: Final = timedelta(seconds=1)
BREAKER: Final = BreakerRule(window=4, rest=1, longest_rest=4, probe=4)
#: Dead letters of the run before are no flood of this one.
FLOOD: Final = FloodRule(window=timedelta(seconds=10))

#: What a worker imports when it is first needed; imported before the fork it costs once.
VERB_MODULES: Final = (
    *(f"healthnotify.workers.{name.replace('-', '_')}" for name in VERBS),
    "healthnotify.adapters.counted",
    "healthnotify.adapters.kafka",
    "healthnotify.adapters.llm",
    "healthnotify.adapters.channels.email",
    "healthnotify.adapters.channels.sms",
    "healthnotify.adapters.channels.webhook",
    "healthnotify.adapters.watch",
    "healthnotify.apps.users.own_page",
)


class ChaosApp(bootstrap.App):
    """What the workers need, with every call a step."""

    def __init__(self, worker: str, points: CrashPoints, takes: Path | None = None) -> None:
        super().__init__(patience=PATIENCE)
        self._worker = worker
        self._points = points
        self._takes = takes

    @property
    def writing(self) -> Writing:
        """A builder that dies lets go within seconds."""
        return WRITING

    @cached_property
    def store(self) -> Any:
        """PostgreSQL."""
        return self._stepping(bootstrap.App.store.func(self), "store")

    @cached_property
    def staging(self) -> Any:
        """Redis."""
        return self._stepping(bootstrap.App.staging.func(self), "staging")

    @cached_property
    def road(self) -> Any:
        """Kafka, to write to, with less patience."""
        settings = replace(bootstrap.kafka(), delivery_timeout=DELIVERY_TIMEOUT)
        ensure_topics(settings)
        return self._stepping(KafkaRoad(settings, clock=bootstrap.now), "road")

    def intake(self, topic: Topic) -> Any:
        """Kafka, to read that topic."""
        watched = super().intake(topic)
        return self._stepping(NotedIntake(watched, watched._intake, self._takes), "intake")

    def writer(self) -> Any:
        """The language model."""
        return self._stepping(super().writer(), "writer")

    def breakers(self) -> Any:
        """Which providers are left alone, for seconds."""
        from healthnotify.adapters.breakers import SharedBreakers

        return SharedBreakers(secret("redis_url"), BREAKER)

    def channels(self) -> dict[Channel, Any]:
        """Every way out."""
        return {name: self._stepping(channel, "channel") for name, channel in super().channels().items()}

    def _stepping(self, port: Any, kind: str) -> Stepping:
        return Stepping(port, kind, self._worker, self._points)


def work(name: str, order: Mapping[str, Any]) -> None:
    """Be that worker until SIGTERM, or until a crash point is reached.

    Of the order: `crash_at`, `note` (where a point that is reached is noted), `takes` (where records that were taken
    are), and `consumer` (settings of librdkafka's consumer beside ours).
    """
    note, takes = (Path(order[key]) if key in order else None for key in ("note", "takes"))
    publish.HIDE = HIDE
    deliver.STOP_REST = sending.STOP_REST = STOP_REST  # both names are read
    for protocol, its in member.PROTOCOLS.items():
        member.PROTOCOLS = {**member.PROTOCOLS, protocol: {**its, **order.get("consumer", {})}}
    loop.LONGEST_PAUSE = LONGEST_PAUSE
    floodgate.USUAL = FLOOD
    floodgate.Flood = partial(Flood, FLOOD)  # type: ignore[misc, assignment]
    if note:
        deadly.arm(note)
    bootstrap.app()  # sets up the log
    app = ChaosApp(name, CrashPoints(order.get("crash_at", ""), note), takes)
    worker = import_module(f"healthnotify.workers.{name.replace('-', '_')}")
    watch = bootstrap.watch(name, app.pulse)
    watch.serve("127.0.0.1", 0)
    loop.run(name, lambda running: worker.run(running, app), watch)


if __name__ == "__main__":
    work(sys.argv[1], {"crash_at": os.environ.get("CRASH_AT", "")})
