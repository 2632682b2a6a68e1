"""The audit trail: who did, or saw, something that one may be asked about. PostgreSQL lets nobody change it."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from healthnotify.apps.access.models import AuditEntry

NOBODY: Final = "nobody"  #: who has not shown who they are
COMMAND: Final = "command"  #: whoever may run commands on the machine


class Action(StrEnum):
    """What is written down."""

    KEY_MADE = "key_made"
    KEY_REVOKED = "key_revoked"
    OPERATOR_MADE = "operator_made"
    OPERATOR_DEACTIVATED = "operator_deactivated"
    PASSWORD_SET = "password_set"  # noqa: S105
    ROLE_SET = "role_set"
    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    LOCKED_OUT = "locked_out"
    USER_READ = "user_read"  # what is sealed of them
    USER_ERASED = "user_erased"
    MESSAGE_READ = "message_read"
    REDRIVEN = "redriven"
    DEAD_LETTERS_EXPIRED = "dead_letters_expired"
    POISON_READ = "poison_read"  # the bytes of a record that is not ours may say anything
    HOLD_ENDED = "hold_ended"  # of a topic that nobody consumed because dead letters poured
    CANCELLED = "cancelled"
    RETENTION = "retention_dropped"
    SENDING_STOPPED = "sending_stopped"
    SENDING_RESUMED = "sending_resumed"
    CEILING_SET = "ceiling_set"


def note(actor: str, action: Action, target: str, at: datetime, **detail: Any) -> None:
    """Add an entry, in the transaction of what it tells. `target` is an id; no detail names or quotes a user."""
    AuditEntry.objects.create(at=at, actor=actor, action=action.value, target=target, detail=detail)


def note_each(actor: str, action: Action, targets: Iterable[str], at: datetime, **detail: Any) -> None:
    """The same for many targets of one deed, in one statement."""
    AuditEntry.objects.bulk_create(
        AuditEntry(at=at, actor=actor, action=action.value, target=target, detail=detail) for target in targets
    )


def actor_of(request: Any) -> str:
    """Who makes this request: operator:<name>, key:<prefix> or nobody."""
    user = getattr(request, "user", None)
    return getattr(user, "actor", NOBODY)
