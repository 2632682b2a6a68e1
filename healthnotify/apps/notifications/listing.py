"""Notifications and dead letters as lists, for the API and the pages; nothing that is sealed is even read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from healthnotify.apps.notifications.models import DeadLetter, Move, Notification
from healthnotify.domain.errors import Missing
from healthnotify.domain.lifecycle import Event, State

SEALED: Final = ("given_sealed", "message_sealed", "user__name_sealed")
#: What a list may be narrowed by -> how the table is asked.
FILTERS: Final[Mapping[str, str]] = {
    "state": "state",
    "category": "category",
    "channel": "channel",
    "reason": "reason",
    "user_id": "user_id",
    "external_id": "user__external_id",
    "local_date": "local_date",
    "send_after": "send_at__gte",
    "send_before": "send_at__lt",
}


def notifications(wanted: Mapping[str, Any]) -> QuerySet[Notification]:
    """Those that fulfil all that is wanted, in terms of `FILTERS`, each with its user."""
    asked = {FILTERS[name]: value for name, value in wanted.items()}
    return Notification.objects.filter(**asked).select_related("user").defer(*SEALED)


def notification(key: UUID) -> Notification:
    """One of them. Raises `Missing`."""
    found = notifications({}).filter(id=key).first()
    if found is None:
        raise Missing("notification", key)
    return found


def given_up(
    reason: str | None = None, channel: str | None = None, since: datetime | None = None
) -> QuerySet[Notification]:
    """FAILED notifications, each with `redrives` (how often it was brought back) and `letters` (how many dead letters
    it has); ordered by `ended_at` and `id` an index serves."""
    asked = {"reason": reason, "channel": channel, "ended_at__gte": since}
    redriven = Move.objects.filter(notification_id=OuterRef("id"), event=Event.REDRIVEN)
    letters = DeadLetter.objects.filter(notification_id=OuterRef("id"))
    return (
        notifications({"state": State.FAILED})
        .filter(**{name: value for name, value in asked.items() if value is not None})
        .annotate(redrives=_number_of(redriven), letters=_number_of(letters))
    )


def poison(reason: str | None = None, since: datetime | None = None) -> QuerySet[DeadLetter]:
    """Dead letters that no notification stands behind: bytes that are not ours, and ids that nobody knows."""
    asked = {"reason": reason, "at__gte": since}
    known = Notification.objects.filter(id=OuterRef("notification_id"))
    return DeadLetter.objects.filter(
        ~Exists(known), **{name: value for name, value in asked.items() if value is not None}
    ).defer("raw")


def _number_of(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values("notification_id").annotate(number=Count("id")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
