"""API keys: made, found, revoked. A key is shown once; what is kept of it cannot be used."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from healthnotify.apps.access import audit
from healthnotify.apps.access.audit import Action
from healthnotify.apps.access.models import ApiKey
from healthnotify.apps.access.scopes import FOR_KEYS, Scope
from healthnotify.apps.database import rows
from healthnotify.domain.errors import BadInput

MARK: Final = "hn_"  # a key can be told from other tokens, also by those who look for leaked ones
FORM: Final = re.compile(r"hn_([0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)
LONGEST_NAME: Final = 64
FIND: Final = """
    SELECT id, name, prefix, digest, scopes, created_at, created_by, expires_at, revoked_at, last_used_at
    FROM api_keys WHERE prefix = %(prefix)s
"""


def make(
    name: str, scopes: Collection[str], *, by: str, at: datetime, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key, and its text, which nobody can read again. Raises `BadInput`."""
    _check(name, scopes, at, expires_at)
    prefix = secrets.token_hex(6)
    text = f"{MARK}{prefix}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        key = ApiKey.objects.create(
            name=name.strip(),
            prefix=prefix,
            digest=_digest(text),
            scopes=[scope.value for scope in FOR_KEYS if scope in scopes],
            created_at=at,
            created_by=by,
            expires_at=expires_at,
        )
        audit.note(by, Action.KEY_MADE, str(key.id), at, prefix=prefix, scopes=key.scopes)
    return key, text


def find(text: str, now: datetime) -> ApiKey | None:
    """The key that this text is, unless it has expired or been revoked. Remembers the minute of its use."""
    form = FORM.fullmatch(text)
    key = _known(form[1]) if form else None
    if key is None or not hmac.compare_digest(key.digest, _digest(text)) or not is_valid(key, now):
        return None
    _remember_use(key, now)
    return key


def _known(prefix: str) -> ApiKey | None:
    """By a statement that is ready: putting one together takes longer than all else that a request's key costs."""
    found = rows(FIND, {"prefix": prefix})
    return ApiKey(**found[0]._asdict()) if found else None


def is_valid(key: ApiKey, now: datetime) -> bool:
    """Whether it has neither been revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def revoke(key_id: UUID, *, by: str, at: datetime) -> bool:
    """End a key for good. False when there is no such key, or it was revoked before: then nothing is changed."""
    with transaction.atomic():
        revoked = ApiKey.objects.filter(id=key_id, revoked_at=None).update(revoked_at=at)
        if revoked:
            audit.note(by, Action.KEY_REVOKED, str(key_id), at)
    return bool(revoked)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _remember_use(key: ApiKey, now: datetime) -> None:
    """To the minute: of a thousand requests in a minute one writes, whichever process has it."""
    minute = now.replace(second=0, microsecond=0)
    if key.last_used_at is None or key.last_used_at < minute:
        unseen = Q(last_used_at=None) | Q(last_used_at__lt=minute)
        ApiKey.objects.filter(unseen, id=key.id).update(last_used_at=minute)


def _check(name: str, scopes: Collection[str], at: datetime, expires_at: datetime | None) -> None:
    if not name.strip() or len(name.strip()) > LONGEST_NAME or not name.isprintable():
        raise BadInput(
            "name", f"it must have 1 to {LONGEST_NAME} printable characters", "Say what the key is for, such as billing"
        )
    unknown = sorted(set(scopes) - set(FOR_KEYS))
    if unknown or not scopes:
        problem = f"{unknown[0]!r} is no scope of a key" if unknown else "a key without a scope may do nothing"
        raise BadInput("scopes", problem, f"Give some of {', '.join(FOR_KEYS)}")
    if expires_at is not None and expires_at <= at:
        raise BadInput("expires_at", "it lies in the past", "Give a later time, or none for a key that does not expire")


def scopes_of(key: ApiKey) -> frozenset[Scope]:
    """What it may do."""
    return frozenset(Scope(scope) for scope in key.scopes)
