"""The environment as one typed object: the only place that reads it.

A value comes from the process environment, else from a file that `NAME_FILE` names, else from `/run/secrets/NAME`, else
from `.env`. Unknown names in `.env` and malformed values stop the start; an empty value means "not given".
"""

import os
import re
from collections.abc import Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from config.sources import gather
from healthnotify.domain.errors import Misconfigured

ROOT: Final = Path(__file__).resolve().parent.parent
SECRETS: Final = Path("/run/secrets")

#: Fields with more than one name in the environment; the first that is given counts.
SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {"openai_key": ("OPENAI_KEY", "OPENAI_API_KEY")}

MOST: Final = 1_000_000
LONGEST: Final = 30 * 24 * 3600  # seconds; more is a mistake in the unit
BROKER: Final = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^\s,:/\[\]]+):\d{1,5}")


def _url(value: str) -> str:
    if not _is_url(value, "http", "https"):
        raise ValueError("must be a URL that begins with http:// or https://, such as https://example.org")
    return value.rstrip("/")


def _redis(value: SecretStr) -> SecretStr:
    if not _is_url(value.get_secret_value(), "redis", "rediss"):
        raise ValueError("must be a URL that begins with redis:// or rediss://, such as redis://localhost:6379/0")
    return value


def _is_url(text: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(text)
        complete = bool(parts.hostname) and parts.port != 0  # asking for the port raises when it is none
    except ValueError:
        return False
    return complete and parts.scheme in schemes and not re.search(r"\s", text)


def _brokers(value: str) -> str:
    if not all(BROKER.fullmatch(part.strip()) for part in value.split(",")):
        raise ValueError("must be host:port, several with commas between, such as localhost:9092")
    return value


def _sender(value: str) -> str:
    if "@" not in parseaddr(value)[1] or not value.isprintable():
        raise ValueError("must be an e-mail address, such as Health Notifications <notify@example.org>")
    return value


# Each description completes "NAME must be …", for the message about a value that is not.
Port = Annotated[int, Field(ge=1, le=65535, description="a whole number from 1 to 65535")]
AnyPort = Annotated[int, Field(ge=0, le=65535, description="a whole number from 0 to 65535")]
Positive = Annotated[int, Field(ge=1, le=MOST, description=f"a whole number from 1 to {MOST}")]
Seconds = Annotated[float, Field(gt=0, le=LONGEST, description=f"a number of seconds above 0, at most {LONGEST}")]
Days = Annotated[int, Field(ge=40, le=36_500, description="a whole number of days from 40 to 36500")]
Switch = Annotated[bool, Field(description="true or false")]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"], Field(description="one of debug, info, warning, error")
]
GroupProtocol = Annotated[Literal["consumer", "classic"], Field(description="one of consumer, classic")]
Url = Annotated[str, AfterValidator(_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis)]
Brokers = Annotated[str, AfterValidator(_brokers)]
Sender = Annotated[str, AfterValidator(_sender)]


class Environment(BaseModel):
    """Every setting, with its name in the environment in capitals. `.env.example` gives each a line.

    A plain model, not one of pydantic-settings: that library knows no NAME_FILE, so all of its sources would be ours.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    django_secret_key: SecretStr | None = None
    encryption_keys: SecretStr | None = None
    public_url: Url = "http://localhost:8000"
    allowed_hosts: str = ""
    sentry_dsn: SecretStr | None = None
    log_level: LogLevel = "info"

    web_host: str = "127.0.0.1"
    web_port: Port = 8000
    trusted_proxies: str = "127.0.0.1"
    api_requests_per_minute: Positive = 6000
    address_requests_per_minute: Positive = 12_000
    health_host: str = "127.0.0.1"
    health_port: AnyPort = 9400

    postgres_host: str | None = None
    postgres_port: Port = 5432
    postgres_db: str = "healthnotify"
    postgres_user: str = "healthnotify"
    postgres_password: SecretStr = SecretStr("")

    redis_url: RedisUrl | None = None

    kafka_bootstrap_servers: Brokers | None = None
    kafka_partitions: Positive = 12
    kafka_replication: Positive = 1
    kafka_group_protocol: GroupProtocol = "consumer"
    kafka_create_topics: Switch = True

    openai_key: SecretStr | None = None
    openai_base_url: Url | None = None
    openai_model: str = "gpt-5-mini"
    openai_requests_per_minute: Positive = 500
    writing_deadline_seconds: Seconds = 20

    email_host: str | None = None
    email_port: Port = 25
    email_host_user: str = ""
    email_host_password: SecretStr = SecretStr("")
    email_use_tls: Switch = False
    default_from_email: Sender = "Health Notifications <notify@localhost>"

    sms_base_url: Url | None = None
    sms_account: str = ""
    sms_token: SecretStr = SecretStr("")
    sms_from: str = ""

    webhook_secret: SecretStr | None = None
    webhook_allow_private: Switch = False

    retry_attempts: Positive = 5
    retry_first_seconds: Seconds = 30
    retry_longest_seconds: Seconds = 3600
    plan_ahead_seconds: Seconds = 900
    expires_after_seconds: Seconds = 4 * 3600
    daily_cap: Positive = 10
    delivery_lease_seconds: Seconds = 60
    send_timeout_seconds: Seconds = 15
    in_flight: Positive = 256
    keep_days: Days = 400

    @property
    def allowed_host_names(self) -> list[str]:
        """`allowed_hosts`, taken apart."""
        return [name.strip() for name in self.allowed_hosts.split(",") if name.strip()]

    @model_validator(mode="after")
    def _leases_outlast_calls(self) -> Self:
        if self.send_timeout_seconds * 3 >= self.delivery_lease_seconds:
            raise ValueError("DELIVERY_LEASE_SECONDS must be more than three times SEND_TIMEOUT_SECONDS")
        return self

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.retry_first_seconds > self.retry_longest_seconds:
            raise ValueError("RETRY_FIRST_SECONDS must not be more than RETRY_LONGEST_SECONDS")
        return self

    @model_validator(mode="after")
    def _sms_is_complete(self) -> Self:
        missing = [name for name in ("sms_account", "sms_token", "sms_from") if not getattr(self, name)]
        if self.sms_base_url and missing:
            raise ValueError(f"{missing[0].upper()} must be given too, because SMS_BASE_URL is")
        return self


def spellings(field: str) -> tuple[str, ...]:
    """The names of a field in the environment."""
    return SPELLINGS.get(field, (field.upper(),))


def names() -> list[str]:
    """Every name that is read, in the order of the fields."""
    return [name for field in Environment.model_fields for name in spellings(field)]


def load(
    environ: Mapping[str, str] = os.environ, *, dotenv: Path = ROOT / ".env", secrets: Path = SECRETS
) -> Environment:
    """The environment, checked. Ends the process with one line a problem: the variable and the fix, never its value."""
    try:
        found = gather(names(), environ, dotenv, secrets)
        return Environment.model_validate(_by_field(found))
    except Misconfigured as problem:
        lines = [f"{problem}."]
    except ValidationError as problems:
        lines = [_line(problem) for problem in problems.errors()]
    raise SystemExit("\n".join(["The environment cannot be used:", *lines, "See .env.example."]))


def _by_field(found: Mapping[str, str]) -> dict[str, str]:
    given = {field: [found[name] for name in spellings(field) if name in found] for field in Environment.model_fields}
    return {field: texts[0] for field, texts in given.items() if texts}


def _line(problem: Any) -> str:
    """What pydantic found, in words that say what to write; its own may quote the value and speak of "input"."""
    own = problem.get("ctx", {}).get("error")  # the ValueError of one of the checks above
    if not problem["loc"]:
        return f"{own}."
    field = str(problem["loc"][0])
    name = " or ".join(spellings(field))
    if own:
        return f"{name} {own}."
    about = Environment.model_fields[field]
    return f"{name} must be {about.description}, such as {written(about.default)}."


def written(value: object) -> str:
    """A default as one writes it in the environment."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)
