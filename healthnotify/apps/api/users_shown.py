"""A user, a goal, a preference as callers read them: plain dictionaries, and their description for the schema."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

from rest_framework import serializers

from healthnotify.apps.api.fields import DAYS
from healthnotify.apps.api.users_given import (
    NamedGoalGiven,
    NamedPreferenceGiven,
    QuietHoursGiven,
)
from healthnotify.apps.users.reading import KnownPreference, KnownUser
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Channel
from healthnotify.domain.people import NewGoal, ZoneSource


class ChannelShown(serializers.Serializer[Any]):
    """A way to the user."""

    channel = serializers.ChoiceField(choices=list(Channel))
    address = serializers.CharField()
    verified = serializers.BooleanField()


class UserShown(serializers.Serializer[Any]):
    """A user."""

    id = serializers.UUIDField()
    external_id = serializers.CharField()
    name = serializers.CharField()
    locale = serializers.CharField()
    timezone = serializers.CharField()
    timezone_source = serializers.ChoiceField(choices=list(ZoneSource))
    quiet_hours = QuietHoursGiven(allow_null=True)
    active = serializers.BooleanField()
    channels = ChannelShown(many=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class UsersShown(serializers.Serializer[Any]):
    """A page of users by external id."""

    items = UserShown(many=True)
    next = serializers.URLField(allow_null=True, help_text="Address of the next page; null on the last one.")


class GoalsShown(serializers.Serializer[Any]):
    """What a user works on."""

    items = NamedGoalGiven(many=True)


class PreferenceShown(NamedPreferenceGiven):
    """What a user wants in a category over a channel."""

    next_due_at = serializers.DateTimeField(
        allow_null=True, help_text="When the next notification is to be sent; null: nothing is planned."
    )


class PreferencesShown(serializers.Serializer[Any]):
    """What a user wants."""

    items = PreferenceShown(many=True)


class FaultShown(serializers.Serializer[Any]):
    """One thing that is wrong."""

    field = serializers.CharField()
    problem = serializers.CharField()
    fix = serializers.CharField()


class LineShown(serializers.Serializer[Any]):
    """What became of one line of a bulk call."""

    line = serializers.IntegerField(help_text="Which one, from 1 on.")
    status = serializers.ChoiceField(choices=["created", "refused"])
    id = serializers.UUIDField(required=False, help_text="Of the new user.")
    errors = FaultShown(many=True, required=False, help_text="Why it was refused.")


class BulkShown(serializers.Serializer[Any]):
    """What became of each line."""

    results = LineShown(many=True)


def user(known: KnownUser) -> dict[str, Any]:
    """A user without goals and preferences: these have addresses of their own."""
    person = known.person
    return {
        "id": str(known.id),
        "external_id": person.external_id,
        "name": person.name,
        "locale": person.locale,
        "timezone": person.timezone,
        "timezone_source": person.timezone_source,
        "quiet_hours": person.quiet and {"start": clock(person.quiet.start), "end": clock(person.quiet.end)},
        "active": person.active,
        "channels": [
            {"channel": channel, "address": person.addresses[channel], "verified": channel in person.verified}
            for channel in sorted(person.addresses)
        ],
        "created_at": instant(known.created_at),
        "updated_at": instant(known.updated_at),
    }


def goal(known: NewGoal) -> dict[str, Any]:
    """A goal of a user."""
    return {
        "goal": known.goal,
        "target": known.target,
        "progress": known.progress,
        "streak": known.streak,
        "notes": known.notes,
    }


def preference(known: KnownPreference) -> dict[str, Any]:
    """A preference of a user."""
    wish = known.wish
    return {
        "category": wish.category,
        "channel": wish.channel,
        "enabled": wish.enabled,
        "times": [clock(one) for one in sorted(wish.times)],
        "days": [DAYS[day] for day in sorted(wish.days)],
        "every_days": wish.every,
        "next_due_at": known.next_due_at and instant(known.next_due_at),
    }


def created(line: int, user_id: UUID) -> dict[str, Any]:
    """A line that was entered."""
    return {"line": line, "status": "created", "id": str(user_id)}


def refused(line: int, problems: list[BadInput]) -> dict[str, Any]:
    """A line that was not, and why."""
    errors = [{"field": one.field, "problem": one.problem, "fix": one.fix} for one in problems]
    return {"line": line, "status": "refused", "errors": errors}


def clock(wall: time) -> str:
    """A time of day to the minute; seconds are shown only where they are kept."""
    return wall.isoformat("seconds" if wall.second else "minutes")


def instant(at: datetime) -> str:
    """In UTC, as REST framework writes it."""
    return at.isoformat().replace("+00:00", "Z")
