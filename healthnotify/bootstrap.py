"""The one place that joins ports to adapters. Builds nothing at import.

What a worker does not use is not even imported: the adapters' libraries take two seconds of processor time in all, and
six workers on a small machine would wait for them at every start.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.core import signing
from tzdata import IANA_VERSION

from healthnotify.adapters.telemetry import report_defects, set_up
from healthnotify.apps import database
from healthnotify.apps.notifications.store import PostgresStore
from healthnotify.apps.privacy import keyring
from healthnotify.domain.delivery import Letter
from healthnotify.domain.errors import Misconfigured
from healthnotify.domain.model import Channel
from healthnotify.domain.retry_policy import RetryPolicy
from healthnotify.pipeline.build import Writing
from healthnotify.pipeline.deliver import Delivering
from healthnotify.pipeline.plan import Planning
from healthnotify.pipeline.ports import ChannelPort, Topic
from healthnotify.pipeline.sweep import Patience

if TYPE_CHECKING:
    from healthnotify.adapters.kafka import KafkaIntake, KafkaRoad, KafkaSettings
    from healthnotify.adapters.llm import OpenAIWriter
    from healthnotify.adapters.staging import RedisStaging

#: A builder keeps an assignment for this much longer than the model may take, to judge and save what it wrote.
SAVING: Final = timedelta(seconds=40)


EMBEDDABLE: Final = (
    "postgres_host",
    "redis_url",
    "kafka_bootstrap_servers",
    "openai_key",
    "openai_base_url",
    "openai_requests_per_minute",
    "email_host",
    "sms_base_url",
    "encryption_keys",
    "django_secret_key",
    "webhook_secret",
)


def now() -> datetime:
    """The clock on the wall, in UTC."""
    return datetime.now(UTC)


Dice = random.Random


def dice(seed: int | None = None) -> Dice:
    """Dice, the same ones for the same seed. For jitter and invented people, never for secrets."""
    return Dice(seed)


def given() -> dict[str, str]:
    """What the environment names of everything that could be embedded instead."""
    named = settings.ENVIRONMENT.model_fields_set & set(EMBEDDABLE)
    return {name.upper(): str(_plain(_given(name))) for name in named if _given(name)}


def ring() -> keyring.KeyRing:
    """The key ring of `ENCRYPTION_KEYS`. Raises `Misconfigured`."""
    return keyring.parse(_secret("encryption_keys"))


def staging() -> RedisStaging:
    """The cache that `REDIS_URL` names. Raises `Misconfigured`."""
    from healthnotify.adapters.staging import connect

    return connect(_needed("redis_url", _secret("redis_url"), "Name the server, for example redis://localhost:6379/0"))


def kafka() -> KafkaSettings:
    """How to reach Kafka. Raises `Misconfigured`."""
    from healthnotify.adapters.kafka import KafkaSettings

    servers = _needed("kafka_bootstrap_servers", _given("kafka_bootstrap_servers"), "Name it as host:port")
    return KafkaSettings(
        bootstrap_servers=servers,
        partitions=_given("kafka_partitions"),
        replication=_given("kafka_replication"),
        group_protocol=_given("kafka_group_protocol"),
        create_topics=_given("kafka_create_topics"),
    )


@dataclass
class App:
    """What workers need, each part built when it is first asked for."""

    batch: int = 500
    drafts_in_flight: int = 64
    patience: Patience = field(default_factory=Patience)

    @property
    def in_flight(self) -> int:
        """How many claimed notifications a consumer may hold."""
        return int(_given("in_flight"))

    @property
    def planning(self) -> Planning:
        """How far ahead is planned."""
        return Planning(_seconds("plan_ahead"), _seconds("expires_after"), IANA_VERSION)

    @property
    def writing(self) -> Writing:
        """How long the model may take."""
        return Writing(lease=_seconds("writing_deadline") + SAVING, deadline=_seconds("writing_deadline"))

    @cached_property
    def delivering(self) -> Delivering:
        """How long a claim lasts."""
        return Delivering(_seconds("delivery_lease"), _seconds("send_timeout"), _given("daily_cap"))

    @cached_property
    def retry_policy(self) -> RetryPolicy:
        """How patient we are."""
        return RetryPolicy(_given("retry_attempts"), _seconds("retry_first"), _seconds("retry_longest"))

    @cached_property
    def store(self) -> PostgresStore:
        """PostgreSQL. Raises `Misconfigured` or `Unavailable` when it cannot be used."""
        _needed("postgres_host", _given("postgres_host"), "Name the server")
        database.check()
        return PostgresStore(ring())

    @cached_property
    def staging(self) -> RedisStaging:
        """Redis."""
        return staging()

    @cached_property
    def road(self) -> KafkaRoad:
        """Kafka, to write to; the topics exist then."""
        from healthnotify.adapters.kafka import KafkaRoad, ensure_topics

        ensure_topics(kafka())
        return KafkaRoad(kafka(), clock=now)

    def intake(self, topic: Topic) -> KafkaIntake:
        """Kafka, to read that topic."""
        from healthnotify.adapters.kafka import KafkaIntake, ensure_topics

        ensure_topics(kafka())
        return KafkaIntake(kafka(), topic)

    def writer(self) -> OpenAIWriter:
        """The language model. Raises `Misconfigured` when neither a key nor a server is given."""
        from healthnotify.adapters.llm import OpenAIWriter

        key, base_url = _secret("openai_key"), _given("openai_base_url")
        if not (key or base_url):
            raise Misconfigured("OPENAI_KEY", "it is not set, nor is OPENAI_BASE_URL", "Give the key, or a server")
        return OpenAIWriter(
            key=key or "none",
            base_url=base_url,
            model=_given("openai_model"),
            requests_per_minute=_given("openai_requests_per_minute"),
            redis_url=_secret("redis_url"),
        )

    def channels(self) -> dict[Channel, ChannelPort]:
        """Every way out that is configured. Raises `Misconfigured` when there is none."""
        from healthnotify.adapters.channels.email import SmtpChannel
        from healthnotify.adapters.channels.sms import TwilioSms
        from healthnotify.adapters.channels.webhook import WebhookChannel

        made: dict[Channel, ChannelPort] = {}
        timeout = _seconds("send_timeout")
        if _given("email_host"):
            made[Channel.EMAIL] = SmtpChannel(
                host=_given("email_host"),
                port=_given("email_port"),
                user=_given("email_host_user"),
                password=_secret("email_host_password") or "",
                use_tls=_given("email_use_tls"),
                sender=_given("default_from_email"),
                unsubscribe_url=unsubscribe_url,
                clock=now,
                timeout=timeout,
            )
        if _given("sms_base_url"):
            made[Channel.SMS] = TwilioSms(
                base_url=_given("sms_base_url"),
                account=_given("sms_account"),
                token=_secret("sms_token") or "",
                sender=_given("sms_from"),
                timeout=timeout,
                clock=now,
            )
        if secret := _secret("webhook_secret"):
            made[Channel.WEBHOOK] = WebhookChannel(
                secret=secret, allow_private=_given("webhook_allow_private"), timeout=timeout, clock=now
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
    set_up(_given("log_level"))
    report_defects(_secret("sentry_dsn"))
    return App()


def unsubscribe_url(letter: Letter) -> str:
    """The user's own page for that category; the token is signed, so nobody can make one for somebody else."""
    token = signing.dumps([str(letter.user_id), letter.category.value], salt="preferences")
    return f"{_given('public_url').rstrip('/')}/p/{token}/"


def _given(name: str) -> Any:
    return getattr(settings.ENVIRONMENT, name)


def _secret(name: str) -> str | None:
    secret = _given(name)
    return None if secret is None else str(_plain(secret))


def _plain(value: Any) -> Any:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def _seconds(name: str) -> timedelta:
    return timedelta(seconds=_given(f"{name}_seconds"))


def _needed(name: str, value: Any, fix: str) -> Any:
    if not value:
        raise Misconfigured(name.upper(), "it is not set", fix)
    return value
