"""Erase somebody: their key is destroyed, and nothing that can be read is left of them; what was sent stays counted."""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from healthnotify.apps.access.audit import Action, note
from healthnotify.apps.access.models import KeptAnswer
from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.notifications.models import Notification
from healthnotify.apps.notifications.replanning import withhold_all
from healthnotify.apps.privacy.keyring import KeyRing
from healthnotify.apps.privacy.models import WrappedKey
from healthnotify.apps.users import reading
from healthnotify.apps.users.changes import LOCK, LOCK_PREFERENCES
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from healthnotify.apps.users.reading import KnownUser
from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import Missing
from healthnotify.domain.model import Withheld

#: Columns of their row that are theirs, and what stands there afterwards. The external id is free for somebody else.
EMPTIED: Final = {
    "name_sealed": "",
    "locale": "en",
    "timezone": "UTC",
    "timezone_source": "given",
    "quiet_start": None,
    "quiet_end": None,
    "active": False,
}


def erase(
    user_id: UUID, *, now: datetime, ring: KeyRing, actor: str, look: Callable[[KnownUser], None] | None = None
) -> list[Step]:
    """Forget them for good, in one transaction. `look` sees them before, and may raise to leave everything as it was.

    Their notifications keep ids, times and states, because the evidence counts them; whatever waits is cancelled.
    What a consumer holds at this moment is withheld by the last look before the send. Raises `Missing`.
    """
    with all_or_nothing():
        if not rows(LOCK, {"id": user_id}):
            raise Missing("user", user_id)
        rows(LOCK_PREFERENCES, {"id": user_id})
        if look:
            look(reading.one(user_id, ring))
        Preference.objects.filter(user=user_id).delete()
        steps = withhold_all(user_id, Withheld.ERASED, now)
        Notification.objects.filter(user=user_id).update(message_sealed=None, given_sealed=None)
        for kind in (WrappedKey, Address, UserGoal):
            kind.objects.filter(user=user_id).delete()
        User.objects.filter(id=user_id).update(
            **EMPTIED, external_id=f"erased-{user_id}", erased_at=now, updated_at=now
        )
        KeptAnswer.objects.filter(user_id=user_id).delete()
        note(actor, Action.USER_ERASED, str(user_id), now, cancelled=len(steps))
    return steps
