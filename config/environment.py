"""The environment as one typed object: the only place that reads it.

A value comes from the process environment, else from a file that `NAME_FILE` names, else from `/run/secrets`, else
from `.env`. Unknown names in `.env` and malformed values stop the start; an empty value means "not given".
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
SECRETS = Path("/run/secrets")

Port = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


def _url(value: str | None) -> str | None:
    if value is not None and not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value


Url = Annotated[str, AfterValidator(_url)]


class Environment(BaseSettings):
    """Every setting, with its name in the environment in capitals. `.env.example` gives each a line."""

    model_config = SettingsConfigDict(
        case_sensitive=False, env_ignore_empty=True, extra="forbid", hide_input_in_errors=True
    )

    django_secret_key: SecretStr | None = None
    encryption_keys: SecretStr | None = None
    public_url: Url = "http://localhost:8000"
    sentry_dsn: SecretStr | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    postgres_host: str | None = None
    postgres_port: Port = 5432
    postgres_db: str = "healthnotify"
    postgres_user: str = "healthnotify"
    postgres_password: SecretStr = SecretStr("")

    redis_url: SecretStr | None = None

    kafka_bootstrap_servers: str | None = None
    kafka_partitions: Positive = 12
    kafka_replication: Positive = 1
    kafka_group_protocol: Literal["consumer", "classic"] = "consumer"
    kafka_create_topics: bool = True

    openai_key: SecretStr | None = Field(None, validation_alias=AliasChoices("openai_key", "openai_api_key"))
    openai_base_url: Url | None = None
    openai_model: str = "gpt-5-mini"
    openai_requests_per_minute: Positive = 500
    writing_deadline_seconds: Seconds = 20

    email_host: str | None = None
    email_port: Port = 25
    email_host_user: str = ""
    email_host_password: SecretStr = SecretStr("")
    email_use_tls: bool = False
    default_from_email: str = "Health Notifications <notify@localhost>"

    sms_base_url: Url | None = None
    sms_account: str = ""
    sms_token: SecretStr = SecretStr("")
    sms_from: str = ""

    webhook_secret: SecretStr | None = None
    webhook_allow_private: bool = False

    retry_attempts: Positive = 5
    retry_first_seconds: Seconds = 30
    retry_longest_seconds: Seconds = 3600
    plan_ahead_seconds: Seconds = 900
    expires_after_seconds: Seconds = 4 * 3600
    daily_cap: Positive = 10
    delivery_lease_seconds: Seconds = 60
    send_timeout_seconds: Seconds = 15
    in_flight: Positive = 256

    @model_validator(mode="after")
    def _leases_outlast_calls(self) -> "Environment":
        if self.send_timeout_seconds * 3 >= self.delivery_lease_seconds:
            raise ValueError("DELIVERY_LEASE_SECONDS must be more than three times SEND_TIMEOUT_SECONDS")
        return self

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], **_: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """One source of ours: it knows the four places and their order."""
        return (_Places(settings_cls),)


class _Places(PydanticBaseSettingsSource):
    """Reads environment, `NAME_FILE`, `/run/secrets` and `.env`, in that order."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Not used: all values are read in one go."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Names in lower case with their texts; what `.env` names is passed on even if it is unknown."""
        known = names()
        values = {name.lower(): text for name, text in read_dotenv(ROOT / ".env").items()}
        unknown = sorted(set(values) - known)
        if unknown:
            raise SystemExit(f".env: unknown name {unknown[0].upper()}. See .env.example for the names that exist.")
        for name in sorted(known):
            text = os.environ.get(name.upper()) or _from_file(name) or values.get(name)
            if text:
                values[name] = text
        return {name: text for name, text in values.items() if text}


def names() -> set[str]:
    """Every name that is read, in lower case; both spellings where there are two."""
    found = set()
    for name, field in Environment.model_fields.items():
        alias = field.validation_alias
        found |= {str(choice) for choice in alias.choices} if isinstance(alias, AliasChoices) else {name}
    return found


def _from_file(name: str) -> str | None:
    given = os.environ.get(f"{name.upper()}_FILE")
    path = Path(given) if given else SECRETS / name.upper()
    try:
        return path.read_text().strip()
    except OSError as problem:
        if given:
            raise SystemExit(f"{name.upper()}_FILE: {given} cannot be read ({problem.strerror}).") from None
        return None


def read_dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; comments and blank lines are passed over, quotes around a value are taken off."""
    if not path.is_file():
        return {}
    values = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise SystemExit(f".env:{number}: {text!r} is not NAME=value.")
        values[name.strip()] = value.strip().strip("\"'")
    return values


def load() -> Environment:
    """The environment, checked. Ends the process with one line a problem, naming the variable, never its value."""
    try:
        return Environment()
    except ValidationError as problems:
        lines = [f"{_name(problem['loc'])}: {problem['msg']}" for problem in problems.errors()]
        raise SystemExit("\n".join(["The environment cannot be used:", *lines, "See .env.example."])) from None


def _name(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else "environment"
