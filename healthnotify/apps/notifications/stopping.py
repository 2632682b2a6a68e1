"""The stop switch, and the ceilings: set by an operator, audited, in force within two seconds."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from healthnotify.apps.access.audit import Action, note
from healthnotify.apps.notifications.ceilings import DEFAULTS
from healthnotify.apps.notifications.models import Ceiling, Stop
from healthnotify.domain import stops
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Category, Channel

LONGEST_REASON = 200
MOST = 2_000_000_000
EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A stop that is in force."""

    what: str  #: a channel, a category, or everything
    since: datetime
    actor: str
    reason: str


def stop(what: stops.Stop, *, reason: str, actor: str, at: datetime) -> bool:
    """Nothing of it is sent from now on. False, and nothing changed, when it is stopped already. Raises `BadInput`."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise BadInput("reason", "it is empty or too long", f"Say why, in 1 to {LONGEST_REASON} characters")
    with transaction.atomic():
        values = {"since": at, "actor": actor, "reason": reason.strip()}
        _, made = Stop.objects.get_or_create(channel=what.channel, category=what.category, defaults=values)
        if made:
            note(actor, Action.SENDING_STOPPED, named(what), at, reason=reason.strip())
    return made


def resume(what: stops.Stop, *, actor: str, at: datetime) -> bool:
    """It goes on. False when it was not stopped."""
    with transaction.atomic():
        gone, _ = Stop.objects.filter(channel=what.channel, category=what.category).delete()
        if gone:
            note(actor, Action.SENDING_RESUMED, named(what), at)
    return bool(gone)


def stopped() -> list[Stopped]:
    """All that is stopped, the oldest first."""
    return [Stopped(str(one), one.since, one.actor, one.reason) for one in Stop.objects.order_by("since")]


def named(what: stops.Stop) -> str:
    """As people say it."""
    return what.channel or what.category or EVERYTHING


def parse(channel: str | None, category: str | None) -> stops.Stop:
    """What was asked for. Raises `BadInput`."""
    if channel and category:
        raise BadInput("category", "it is given beside a channel", "Stop the one, then the other")
    for field, text, kinds in (("channel", channel, Channel), ("category", category, Category)):
        if text and text not in list(kinds):
            raise BadInput(field, f"{text!r} is none", f"Give one of {', '.join(kinds)}")
    return stops.Stop(Channel(channel) if channel else None, Category(category) if category else None)


def ceilings() -> dict[str, int]:
    """Name -> the most sends."""
    return dict(Ceiling.objects.order_by("name").values_list("name", "most"))


def set_ceiling(name: str, most: int, *, actor: str, at: datetime) -> int:
    """In force with the next claim; answers what it was. Raises `BadInput`."""
    if name not in DEFAULTS:
        raise BadInput("name", f"{name!r} is none", f"Give one of {', '.join(DEFAULTS)}")
    if not 1 <= most <= MOST:
        raise BadInput("most", f"{most} is out of range", f"Give 1 to {MOST}; to send nothing, use `sending stop`")
    with transaction.atomic():
        found = Ceiling.objects.select_for_update().get(name=name)
        before, found.most = found.most, most
        found.save()
        note(actor, Action.CEILING_SET, name, at, before=before, after=most)
    return before
