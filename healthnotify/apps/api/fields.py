"""What a request may hold: fields whose errors say what to write instead, serializers that know no others."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from healthnotify.apps.api.plain_fields import ProseField
from healthnotify.domain.schedule import known_zones

#: Monday is 0 in the domain; people read and write names.
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WALL_TIME: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
INSTANT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, by name, and says what choices there are."""

    def to_internal_value(self, data: Any) -> Any:
        """Unknown fields are reported together with all that is wrong with the known ones."""
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"non_field_errors": ["it is not an object. Give a JSON object"]})
        known = {name for name, field in self.fields.items() if not field.read_only}
        unknown = {name: [_unknown(known)] for name in data if name not in known}
        try:
            found = super().to_internal_value(data)
        except serializers.ValidationError as problem:
            detail = problem.detail if isinstance(problem.detail, dict) else {"non_field_errors": problem.detail}
            raise serializers.ValidationError({**detail, **unknown}) from None
        if unknown:
            raise serializers.ValidationError(unknown)
        return found

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """The declared fields; those with choices name them in their error."""
        fields = super().get_fields()
        for field in fields.values():
            _name_choices(field)
        return fields


def _unknown(known: set[str]) -> str:
    fix = f"Known here: {', '.join(sorted(known))}" if known else "Nothing can be given here"
    return f"it is not known. {fix}"


def _name_choices(field: Any) -> None:
    if child := getattr(field, "child", None):
        _name_choices(child)
    if isinstance(field, serializers.ChoiceField):
        choices = ", ".join(str(choice) for choice in field.choices)
        field.error_messages["invalid_choice"] = f"it is not one of the choices. Give one of: {choices}"


class LineField(ProseField):
    """Text in one line without control characters: it may stand in a mail's header or a log."""

    def to_internal_value(self, data: Any) -> str:
        """Tabs, line breaks and their like are refused, not taken out."""
        text = super().to_internal_value(data)
        if not text.isprintable():
            raise serializers.ValidationError("it holds a line break or a control character. Give one line of text")
        return text


@extend_schema_field({"type": "string", "pattern": f"^{WALL_TIME}$", "examples": ["07:30"]})
class WallTimeField(serializers.Field[time, Any, str, Any]):
    """A time on the user's wall, to the minute: `07:30`."""

    def to_internal_value(self, data: Any) -> time:
        """Seconds would only pretend to a precision that nobody asked for."""
        if not isinstance(data, str) or not re.fullmatch(WALL_TIME, data):
            raise serializers.ValidationError("it is not a time of day. Give HH:MM, such as 07:30")
        return time.fromisoformat(data)

    def to_representation(self, value: time) -> str:
        """As it was given."""
        return value.strftime("%H:%M")


@extend_schema_field(OpenApiTypes.STR)
class ZoneField(serializers.Field[str, Any, str, Any]):
    """An IANA time zone."""

    def to_internal_value(self, data: Any) -> str:
        """Only names of the pinned database, in their exact spelling."""
        if not isinstance(data, str) or data not in known_zones():
            raise serializers.ValidationError("it is not a time zone. Give an IANA name, such as Europe/Berlin")
        return data

    def to_representation(self, value: str) -> str:
        """As it is kept."""
        return value


class InstantField(serializers.DateTimeField):
    """An instant with its offset from UTC, between 2000 and 2100."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)

    def to_internal_value(self, value: Any) -> datetime:
        """A time without an offset is refused: it would mean another instant to everybody who reads it."""
        instant = _instant(value)
        if instant is None:
            fix = "Give date, time and offset from UTC, such as 2026-11-24T18:30:00Z"
            raise serializers.ValidationError(f"it is not an instant. {fix}")
        if not EARLIEST <= instant < LATEST:
            raise serializers.ValidationError("it is out of range. Give a year from 2000 to 2099")
        return instant.astimezone(UTC)


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, str) or not re.fullmatch(INSTANT, value.upper()):
        return None
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        return None


class DaysField(serializers.ListField):
    """Days of the week by name, each once; kept as numbers, Monday is 0."""

    child = serializers.ChoiceField(choices=DAYS)

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_empty=False, max_length=7, **options)

    def to_internal_value(self, data: Any) -> Any:
        """The set of their numbers."""
        return frozenset(DAYS.index(day) for day in super().to_internal_value(data))

    def to_representation(self, value: Any) -> list[str]:
        """In the order of the week."""
        return [DAYS[day] for day in sorted(value)]
