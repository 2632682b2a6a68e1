"""What the workers need."""

from __future__ import annotations

import random
from asyncio import Semaphore
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from tzdata import IANA_VERSION

from healthnotify.adapters.pulse import Pulse
from healthnotify.adapters.telemetry import report_defects, set_up
from healthnotify.apps import database
from healthnotify.apps.notifications.crash_log import PostgresCrashLog
from healthnotify.apps.notifications.holding import PostgresHolds
from healthnotify.apps.notifications.store import PostgresStore
from healthnotify.bootstrap.outside import kafka, now, ring, staging
from healthnotify.domain.budget import RetryBudget
from healthnotify.domain.delivery import Letter
from healthnotify.domain.errors import Misconfigured
from healthnotify.domain.model import Channel
from healthnotify.domain.retry_policy import RetryPolicy
from healthnotify.domain.stops import Stops
from healthnotify.given import needed, seconds, secret, setting
from healthnotify.pipeline.build import Writing
from healthnotify.pipeline.deliver import Delivering, Ways
from healthnotify.pipeline.plan import Planning
from healthnotify.pipeline.ports import ChannelPort, Topic
from healthnotify.pipeline.sweep import Patience

if TYPE_CHECKING:
    from healthnotify.adapters.breakers import SharedBreakers
    from healthnotify.adapters.counted import CountedStaging, WatchedIntake
    from healthnotify.adapters.guarded import GuardedWriter
    from healthnotify.adapters.kafka import KafkaRoad

#: A builder keeps an assignment for this much longer than the model may take, to judge and save what it wrote.
SAVING: Final = timedelta(seconds=40)


@dataclass
class App:
    """What workers need, each part built when it is first asked for."""

    batch: int = 1_000
    drafts_in_flight: int = 64
    patience: Patience = field(default_factory=Patience)
    pulse: Pulse = field(default_factory=Pulse)

    @property
    def in_flight(self) -> int:
        """How many claimed notifications of a channel a consumer may hold; more where the channel is fast."""
        return int(setting("in_flight"))

    @property
    def planning(self) -> Planning:
        """How far ahead is planned."""
        return Planning(seconds("plan_ahead"), seconds("expires_after"), IANA_VERSION)

    @property
    def writing(self) -> Writing:
        """How long the model may take."""
        return Writing(lease=seconds("writing_deadline") + SAVING, deadline=seconds("writing_deadline"))

    @cached_property
    def delivering(self) -> Delivering:
        """How long a claim lasts."""
        return Delivering(seconds("delivery_lease"), seconds("send_timeout"), setting("daily_cap"))

    @cached_property
    def retry_policy(self) -> RetryPolicy:
        """How patient we are."""
        return RetryPolicy(setting("retry_attempts"), seconds("retry_first"), seconds("retry_longest"))

    @cached_property
    def retry_budget(self) -> RetryBudget:
        """How many retries this process may make."""
        return RetryBudget()

    @cached_property
    def store(self) -> PostgresStore:
        """PostgreSQL. Raises `Misconfigured` or `Unavailable` when it cannot be used."""
        needed("postgres_host", setting("postgres_host"), "Name the server")
        database.check()
        return PostgresStore(ring())

    @cached_property
    def holds(self) -> PostgresHolds:
        """Which topics nobody consumes for now."""
        return PostgresHolds()

    @cached_property
    def staging(self) -> CountedStaging:
        """Redis."""
        from healthnotify.adapters.counted import CountedStaging

        return CountedStaging(staging(), self.pulse)

    @cached_property
    def road(self) -> KafkaRoad:
        """Kafka, to write to; the topics exist then."""
        from healthnotify.adapters.kafka import KafkaRoad, ensure_topics

        ensure_topics(kafka())
        return KafkaRoad(kafka(), clock=now)

    def intake(self, topic: Topic) -> WatchedIntake:
        """Kafka, to read that topic."""
        from healthnotify.adapters.counted import WatchedIntake
        from healthnotify.adapters.kafka import KafkaIntake, ensure_topics

        ensure_topics(kafka())
        intake = KafkaIntake(kafka(), topic, crash_log=PostgresCrashLog(topic, self.new_id(), self.now))
        return WatchedIntake(intake, topic, self.pulse)

    def writer(self) -> GuardedWriter:
        """The language model. Raises `Misconfigured` when neither a key nor a server is given."""
        from healthnotify.adapters.counted import CountedWriter
        from healthnotify.adapters.guarded import GuardedWriter
        from healthnotify.adapters.llm import OpenAIWriter

        key, base_url = secret("openai_key"), setting("openai_base_url")
        if not (key or base_url):
            raise Misconfigured("OPENAI_KEY", "it is not set, nor is OPENAI_BASE_URL", "Give the key, or a server")
        writer = OpenAIWriter(
            key=key or "none",
            base_url=base_url,
            model=setting("openai_model"),
            requests_per_minute=setting("openai_requests_per_minute"),
            redis_url=secret("redis_url"),
        )
        return GuardedWriter(CountedWriter(writer), self.breakers())

    def breakers(self) -> SharedBreakers:
        """Which providers are left alone."""
        from healthnotify.adapters.breakers import SharedBreakers

        return SharedBreakers(secret("redis_url"))

    def ways(
        self, channels: Mapping[Channel, ChannelPort], breakers: SharedBreakers, *, stops: Callable[[], Stops]
    ) -> Ways:
        """What messages go out by."""
        turns = {channel: Semaphore(port.at_once) for channel, port in channels.items()}
        return Ways(channels, turns, breakers, stops, self.now, self.dice)

    def channels(self) -> dict[Channel, ChannelPort]:
        """Every way out that is configured. Raises `Misconfigured` when there is none."""
        made: dict[Channel, ChannelPort] = {}
        timeout = seconds("send_timeout")
        if setting("email_host"):
            from healthnotify.adapters.channels.email import SmtpChannel

            made[Channel.EMAIL] = SmtpChannel(
                host=setting("email_host"),
                port=setting("email_port"),
                user=setting("email_host_user"),
                password=secret("email_host_password") or "",
                use_tls=setting("email_use_tls"),
                sender=setting("default_from_email"),
                unsubscribe_url=unsubscribe_url,
                clock=now,
                timeout=timeout,
            )
        if setting("sms_base_url"):
            from healthnotify.adapters.channels.sms import TwilioSms

            made[Channel.SMS] = TwilioSms(
                base_url=setting("sms_base_url"),
                account=setting("sms_account"),
                token=secret("sms_token") or "",
                sender=setting("sms_from"),
                timeout=timeout,
                clock=now,
            )
        if signs_with := secret("webhook_secret"):
            from healthnotify.adapters.channels.webhook import WebhookChannel

            made[Channel.WEBHOOK] = WebhookChannel(
                secret=signs_with, allow_private=setting("webhook_allow_private"), timeout=timeout, clock=now
            )
        if not made:
            raise Misconfigured(
                "EMAIL_HOST", "no channel is configured", "Set EMAIL_HOST, SMS_BASE_URL or WEBHOOK_SECRET"
            )
        return made

    def now(self) -> datetime:
        """The clock on the wall, in UTC."""
        return now()

    def dice(self) -> float:
        """Uniform in [0, 1). Jitter, not a secret."""
        return random.random()  # noqa: S311

    def new_id(self) -> UUID:
        """A random id for a claim."""
        return uuid4()


def app() -> App:
    """What a worker needs; sets up its logs and the reports of defects."""
    set_up(setting("log_level"))
    report_defects(secret("sentry_dsn"))
    return App()


def unsubscribe_url(letter: Letter) -> str:
    """The user's own page for that category."""
    from healthnotify.apps.users.own_page import token_for

    return f"{setting('public_url').rstrip('/')}/p/{token_for(letter.user_id, letter.category)}/"
