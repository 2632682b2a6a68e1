"""The environment variables that lead to the embedded services, and the secrets that are made up with them."""

import base64
import json
import secrets
from pathlib import Path
from typing import Final

from healthnotify.embedded import inbox, kafka, model_server, valkey

PARTITIONS: Final = "4"  # a topic; what the in-process broker gives, and plenty for one machine
STAND_IN_KEY: Final = "stand-in"
STAND_IN_RATE: Final = "6000"  # it costs nothing, and a demo does not wait
SMS_SENDER: Final = "+12025550100"  # reserved for fiction


def of_cache(server: valkey.Valkey) -> dict[str, str]:
    """Redis."""
    return {"REDIS_URL": server.url}


def of_model(server: model_server.ModelServer) -> dict[str, str]:
    """The language model; its key is no secret, but the client wants one."""
    return {
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_KEY": STAND_IN_KEY,
        "OPENAI_REQUESTS_PER_MINUTE": STAND_IN_RATE,
    }


def of_mail(server: inbox.Inbox) -> dict[str, str]:
    """SMTP."""
    return {"EMAIL_HOST": inbox.LOOPBACK, "EMAIL_PORT": str(server.smtp_port), "EMAIL_USE_TLS": "false"}


def of_sms(server: inbox.Inbox) -> dict[str, str]:
    """The SMS provider, with an account that it takes as it takes any."""
    account, token = f"AC{secrets.token_hex(16)}", secrets.token_hex(16)
    return {"SMS_BASE_URL": server.sms_base_url, "SMS_FROM": SMS_SENDER, "SMS_ACCOUNT": account, "SMS_TOKEN": token}


def of_kafka(broker: kafka.KafkaBroker | kafka.InProcessBroker) -> dict[str, str]:
    """Kafka; the workers make the topics, in the in-process one by asking for each."""
    return {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "KAFKA_PARTITIONS": PARTITIONS}


def made_up(path: Path) -> dict[str, str]:
    """Secrets that nobody has given. They are kept in `path`, because old rows need their keys at the next start."""
    if not path.exists():
        made = {
            "DJANGO_SECRET_KEY": secrets.token_urlsafe(48),
            "ENCRYPTION_KEYS": f"local:{_key()}",
            "WEBHOOK_SECRET": f"whsec_{_key()}",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(made))
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
