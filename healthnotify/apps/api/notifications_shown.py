"""Notifications and dead letters as callers see them: never with their text."""

from typing import Any, Final

from rest_framework import serializers

from healthnotify.apps.notifications.life import Chapter
from healthnotify.apps.notifications.models import DeadLetter, Notification
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Category, Channel, Goal
from healthnotify.domain.redriving import Obstacle, Redrive

FIELDS: Final = (
    "id",
    "user_id",
    "category",
    "channel",
    "goal",
    "template",
    "asked_by",
    "state",
    "reason",
    "local_date",
    "slot",
    "timezone",
    "wall_clock",
    "shift",
    "send_at",
    "expires_at",
    "next_attempt_at",
    "updated_at",
    "ended_at",
)


class NotificationShown(serializers.Serializer[Any]):
    """A notification without its text."""

    id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    external_id = serializers.CharField(help_text="Your own id for the user.")
    category = serializers.ChoiceField(choices=list(Category))
    channel = serializers.ChoiceField(choices=list(Channel))
    goal = serializers.ChoiceField(choices=list(Goal), allow_null=True, help_text="Null: its text was given.")
    template = serializers.CharField(allow_null=True, help_text="The one that was asked for.")
    asked_by = serializers.CharField(allow_null=True, help_text="Null: it follows from a preference of the user.")
    state = serializers.ChoiceField(choices=list(State))
    reason = serializers.CharField(allow_null=True, help_text="Why it FAILED or was CANCELLED.")
    local_date = serializers.DateField(help_text="The date on the user's wall.")
    slot = serializers.IntegerField(allow_null=True, help_text="Which occasion of that date; null when asked for.")
    timezone = serializers.CharField()
    wall_clock = serializers.CharField(help_text="What the user's clock was to show.")
    shift = serializers.CharField(allow_null=True, help_text="Why `send_at` differs from it: gap or quiet_hours.")
    send_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    tries = serializers.IntegerField(help_text="Since it was planned, or since it was last brought back.")


class MoveShown(serializers.Serializer[Any]):
    """One change of state."""

    at = serializers.DateTimeField()
    event = serializers.ChoiceField(choices=list(Event))
    before = serializers.ChoiceField(choices=list(State), allow_null=True)
    after = serializers.ChoiceField(choices=list(State))
    attempt = serializers.IntegerField()
    reason = serializers.CharField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True, help_text="When the next try is to be made.")
    actor = serializers.CharField(allow_null=True, help_text="Who caused it, when it was a person or a key.")
    words = serializers.CharField(help_text="The same in plain words.")


class ProvenanceShown(serializers.Serializer[Any]):
    """Where the text came from."""

    source = serializers.CharField(help_text="model, template or given.")
    author = serializers.CharField(help_text="The model, the template's id, or who gave the words.")
    fields_sent = serializers.ListField(child=serializers.CharField(), help_text="All that the model was told.")
    prompt = serializers.CharField(allow_null=True)
    why_template = serializers.CharField(allow_null=True, help_text="Why not the model.")


class NotificationLife(NotificationShown):
    """A notification with all that happened to it; never its text."""

    provenance = ProvenanceShown(allow_null=True, help_text="Null while nothing is written.")
    late_success_at = serializers.DateTimeField(allow_null=True, help_text="The channel took it after we had given up.")
    moves = MoveShown(many=True, help_text="From the first to the last.")


class NotificationList(serializers.Serializer[Any]):
    """A page of notifications."""

    items = NotificationShown(many=True)
    next = serializers.URLField(allow_null=True)


class MessageShown(serializers.Serializer[Any]):
    """What a notification says."""

    id = serializers.UUIDField()
    subject = serializers.CharField()
    text = serializers.CharField()


class DeadLetterShown(serializers.Serializer[Any]):
    """A notification that was given up, or a record that no notification stands behind."""

    kind = serializers.CharField(help_text="notification or poison.")
    id = serializers.UUIDField(allow_null=True, help_text="Of the notification; null for bytes that are not ours.")
    at = serializers.DateTimeField(help_text="When it was given up.")
    reason = serializers.CharField()
    user_id = serializers.UUIDField(allow_null=True)
    category = serializers.CharField(allow_null=True)
    channel = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    tries = serializers.IntegerField(allow_null=True)
    redrives = serializers.IntegerField(allow_null=True, help_text="How often it was brought back.")
    late_success_at = serializers.DateTimeField(allow_null=True)
    place = serializers.CharField(allow_null=True, help_text="Of a record: topic/partition/offset.")


class DeadLetterList(serializers.Serializer[Any]):
    """A page of dead letters."""

    items = DeadLetterShown(many=True)
    next = serializers.URLField(allow_null=True)


class RedriveShown(serializers.Serializer[Any]):
    """What was done with one notification, or would be."""

    id = serializers.UUIDField()
    done = serializers.BooleanField()
    why_not = serializers.ChoiceField(choices=list(Obstacle), allow_null=True)


class RedrivesShown(serializers.Serializer[Any]):
    """What was done, or would be."""

    dry_run = serializers.BooleanField(help_text="Whether nothing was changed.")
    done = serializers.IntegerField(help_text="How many were brought back, or would be.")
    left = serializers.IntegerField(help_text="How many stay where they are.")
    results = RedriveShown(many=True)


def notification(row: Notification) -> dict[str, Any]:
    """As `NotificationShown`."""
    found = {name: getattr(row, name) for name in FIELDS}
    return found | {"external_id": row.user.external_id, "tries": row.attempt - row.uncounted}


def life(row: Notification, chapters: tuple[Chapter, ...]) -> dict[str, Any]:
    """As `NotificationLife`."""
    return notification(row) | {
        "provenance": _provenance(row.provenance),
        "late_success_at": row.late_success_at,
        "moves": [{name: getattr(chapter, name) for name in Chapter.__slots__} for chapter in chapters],
    }


def given_up(row: Any) -> dict[str, Any]:
    """As `DeadLetterShown`: a row of `listing.given_up`."""
    return {
        "kind": "notification",
        "id": row.id,
        "at": row.ended_at,
        "reason": row.reason,
        "user_id": row.user_id,
        "category": row.category,
        "channel": row.channel,
        "expires_at": row.expires_at,
        "tries": row.attempt - row.uncounted,
        "redrives": row.redrives,
        "late_success_at": row.late_success_at,
        "place": None,
    }


def poison(row: DeadLetter) -> dict[str, Any]:
    """As `DeadLetterShown`: a row of `listing.poison`."""
    nothing = dict.fromkeys(("user_id", "category", "channel", "expires_at", "tries", "redrives", "late_success_at"))
    place = f"{row.topic}/{row.partition}/{row.offset}" if row.topic else None
    return {"kind": "poison", "id": row.notification_id, "at": row.at, "reason": row.reason, "place": place, **nothing}


def redrives(answers: list[Redrive], *, dry_run: bool) -> dict[str, Any]:
    """As `RedrivesShown`."""
    results = [{"id": one.id, "done": one.obstacle is None, "why_not": one.obstacle} for one in answers]
    done = sum(one.obstacle is None for one in answers)
    return {"dry_run": dry_run, "done": done, "left": len(answers) - done, "results": results}


def _provenance(kept: dict[str, Any] | None) -> dict[str, Any] | None:
    if kept is None:
        return None
    return {
        "source": kept["source"],
        "author": kept["author"],
        "fields_sent": kept["fields"],
        "prompt": kept.get("prompt"),
        "why_template": kept.get("why_template"),
    }
