"""What the environment gives: each setting by its name, secrets in the clear, and what is missing by its fix."""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings

from healthnotify.domain.errors import Misconfigured

#: What `make demo` and `make up` start or make up where the environment does not name it.
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


def embeddable() -> dict[str, str]:
    """What the environment names of everything that could be embedded instead."""
    named = settings.ENVIRONMENT.model_fields_set & set(EMBEDDABLE)
    return {name.upper(): str(_plain(setting(name))) for name in named if setting(name)}


def setting(name: str) -> Any:
    """The value of a field of config/environment.py."""
    return getattr(settings.ENVIRONMENT, name)


def is_given(name: str) -> bool:
    """Whether it was said, and is not merely the default."""
    return name in settings.ENVIRONMENT.model_fields_set


def secret(name: str) -> str | None:
    """Likewise, of what must not be shown."""
    value = setting(name)
    return None if value is None else str(_plain(value))


def seconds(name: str) -> timedelta:
    """The value of `name`_seconds."""
    return timedelta(seconds=setting(f"{name}_seconds"))


def needed(name: str, value: Any, fix: str) -> Any:
    """The value. Raises `Misconfigured` when there is none."""
    if not value:
        raise Misconfigured(name.upper(), "it is not set", fix)
    return value


def _plain(value: Any) -> Any:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value
