"""What a caller says of a user, their goals and preferences, and the person that it makes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from rest_framework import serializers

from healthnotify.apps.api.fields import DaysField, LineField, StrictSerializer, WallTimeField, ZoneField
from healthnotify.apps.api.pagination import PageQuery
from healthnotify.apps.api.plain_fields import ProseField, SwitchField, WholeNumberField
from healthnotify.apps.users.phones import e164
from healthnotify.domain.errors import BadInput, Rejected
from healthnotify.domain.model import Category, Channel, Goal, QuietHours
from healthnotify.domain.people import (
    LARGEST_NUMBER,
    LONGEST_NOTES,
    MOST_TIMES,
    NewGoal,
    NewPerson,
    NewPreference,
    ZoneSource,
)
from healthnotify.domain.schedule import EVERY_DAY

MOST_LINES: Final = 1000  # of one bulk call


class UsersQuery(PageQuery):
    """Which users a list is to hold: those that fulfil all that is given."""

    external_id = LineField(max_length=64, required=False, help_text="Exactly this one.")
    channel = serializers.ChoiceField(choices=list(Channel), required=False, help_text="Of `address`.")
    address = LineField(
        max_length=2048, required=False, help_text="Whoever has this address on `channel`, in any spelling of it."
    )
    active = serializers.ChoiceField(choices=["true", "false"], required=False)
    timezone = ZoneField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An address is looked up by its channel."""
        for name, other in (("channel", "address"), ("address", "channel")):
            if name in attrs and other not in attrs:
                raise serializers.ValidationError({other: [f"it is missing. Give it together with {name}"]})
        return attrs


class QuietHoursGiven(StrictSerializer):
    """A window of local time, over midnight or not, in which nothing is sent."""

    start = WallTimeField(help_text="From this minute on.")
    end = WallTimeField(help_text="Up to this minute, which is outside.")


class ChannelGiven(StrictSerializer):
    """A way to the user."""

    channel = serializers.ChoiceField(choices=list(Channel))
    address = LineField(max_length=2048, help_text="A mailbox, a mobile number with its country code, or an https URL.")
    verified = SwitchField(default=False, help_text="Whether the address is known to be theirs.")


class GoalGiven(StrictSerializer):
    """How far somebody is with a goal."""

    target = WholeNumberField(min_value=0, max_value=LARGEST_NUMBER, default=0)
    progress = WholeNumberField(min_value=0, max_value=LARGEST_NUMBER, default=0)
    streak = WholeNumberField(min_value=0, max_value=LARGEST_NUMBER, default=0, help_text="Days in a row.")
    notes = ProseField(
        max_length=LONGEST_NOTES,
        default="",
        allow_blank=True,
        help_text="The user's own words. Kept sealed; no language model ever sees them.",
    )


class NamedGoalGiven(GoalGiven):
    """A goal with how far somebody is."""

    goal = serializers.ChoiceField(choices=list(Goal))


class PreferenceGiven(StrictSerializer):
    """When somebody wants to hear from us."""

    enabled = SwitchField(default=True)
    times = serializers.ListField(
        child=WallTimeField(), min_length=1, max_length=MOST_TIMES, help_text="On the user's own clock."
    )
    days = DaysField(default=EVERY_DAY, help_text="Every day, when nothing is said.")
    every_days = WholeNumberField(
        min_value=1, max_value=366, default=1, help_text="2 is every other day; it has to be one of `days` as well."
    )


class NamedPreferenceGiven(PreferenceGiven):
    """When somebody wants to hear about a category over a channel."""

    category = serializers.ChoiceField(choices=list(Category))
    channel = serializers.ChoiceField(choices=list(Channel))


class UserChange(StrictSerializer):
    """What is given changes, everything else stays. `channels` replaces all of them."""

    external_id = LineField(max_length=64, required=False, help_text="Your own id for them; nobody else has it.")
    name = LineField(max_length=120, required=False, help_text="As they are greeted.")
    locale = LineField(max_length=16, required=False, help_text="Such as de or de-AT.")
    timezone = ZoneField(required=False, help_text="IANA name, such as Europe/Berlin.")
    timezone_source = serializers.ChoiceField(choices=list(ZoneSource), required=False)
    quiet_hours = QuietHoursGiven(required=False, allow_null=True)
    active = SwitchField(required=False, help_text="Nothing is sent to who is not.")
    channels = ChannelGiven(many=True, required=False, max_length=len(Channel))

    def validate_channels(self, channels: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One address a channel."""
        names = [one["channel"] for one in channels]
        if len(set(names)) < len(names):
            raise serializers.ValidationError("a channel is there twice. Give one address a channel")
        return channels


class UserGiven(UserChange):
    """Somebody new, with what they work on and want."""

    external_id = LineField(max_length=64, help_text="Your own id for them; nobody else has it.")
    name = LineField(max_length=120, help_text="As they are greeted.")
    timezone = ZoneField(help_text="IANA name, such as Europe/Berlin.")
    goals = NamedGoalGiven(many=True, required=False, max_length=len(Goal))
    preferences = NamedPreferenceGiven(many=True, required=False, max_length=len(Category) * len(Channel))


class BulkGiven(StrictSerializer):
    """Up to a thousand new users."""

    users = UserGiven(many=True, min_length=1, max_length=MOST_LINES)


class Lines(StrictSerializer):
    """The same, with each line still as it came."""

    users = serializers.ListField(child=serializers.JSONField(), min_length=1, max_length=MOST_LINES)


def changed(person: NewPerson, given: Mapping[str, Any]) -> NewPerson:
    """The person with what a validated `UserChange` or `UserGiven` says."""
    same = ("external_id", "name", "locale", "timezone", "timezone_source", "active")
    columns = {name: given[name] for name in same if name in given}
    if "quiet_hours" in given:
        hours = given["quiet_hours"]
        columns["quiet"] = hours and QuietHours(hours["start"], hours["end"])
    if "channels" in given:
        columns["addresses"] = {Channel(one["channel"]): one["address"] for one in given["channels"]}
        columns["verified"] = frozenset(Channel(one["channel"]) for one in given["channels"] if one["verified"])
    return replace(person, **columns)


def new_person(given: Mapping[str, Any]) -> NewPerson:
    """The person of a validated `UserGiven`."""
    person = NewPerson(
        external_id=given["external_id"],
        name=given["name"],
        timezone=given["timezone"],
        goals=tuple(goal(Goal(one["goal"]), one) for one in given.get("goals", ())),
        preferences=tuple(
            preference(Category(one["category"]), Channel(one["channel"]), one) for one in given.get("preferences", ())
        ),
    )
    return changed(person, given)


def goal(code: Goal, given: Mapping[str, Any]) -> NewGoal:
    """The goal of a validated `GoalGiven`."""
    return NewGoal(code, given["target"], given["progress"], given["streak"], given["notes"])


def preference(category: Category, channel: Channel, given: Mapping[str, Any]) -> NewPreference:
    """The preference of a validated `PreferenceGiven`."""
    return NewPreference(
        category=category,
        channel=channel,
        times=tuple(sorted(given["times"])),
        days=frozenset(given["days"]),
        every=given["every_days"],
        enabled=given["enabled"],
    )


def conditions(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions of `reading.page` that a validated `UsersQuery` means, but for the blind indexes of `address`."""
    found = {name: asked[name] for name in ("external_id", "timezone", "channel") if name in asked}
    if "active" in asked:
        found["active"] = asked["active"] == "true"
    return found


def spelling(channel: str, address: str) -> str:
    """An address as it is kept. Raises `BadInput` for what is no telephone number."""
    if channel != Channel.SMS:
        return address
    with rooted({"phone": "address"}):
        return e164(address, None)


def places(given: Mapping[str, Any]) -> dict[str, str]:
    """The domain's name of each channel, goal and preference in a validated `UserChange` or `UserGiven`, and the place
    where the caller wrote it."""
    channels = {
        f"channels.{one['channel']}": f"channels.{number}.address"
        for number, one in enumerate(given.get("channels", ()))
    }
    goals = {f"goals.{one['goal']}": f"goals.{number}" for number, one in enumerate(given.get("goals", ()))}
    preferences = {
        f"preferences.{one['category']}.{one['channel']}": f"preferences.{number}"
        for number, one in enumerate(given.get("preferences", ()))
    }
    return channels | goals | preferences


@contextmanager
def rooted(names: Mapping[str, str]) -> Iterator[None]:
    """Name the fields of what is raised inside as the caller wrote them: `names` has the domain's beginnings."""
    try:
        yield
    except BadInput as problem:
        raise _rooted(problem, names) from None
    except Rejected as rejected:
        raise Rejected([_rooted(problem, names) for problem in rejected.problems]) from None


def _rooted(problem: BadInput, names: Mapping[str, str]) -> BadInput:
    for place, name in names.items():
        if problem.field == place or problem.field.startswith(f"{place}."):
            field = f"{name}{problem.field.removeprefix(place)}".removeprefix(".")
            return BadInput(field, problem.problem, problem.fix)
    return problem
