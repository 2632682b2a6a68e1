"""Examples of the documentation of users, their goals and preferences: a test sends each request, and compares."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

from healthnotify.apps.api import example_ids

NEW_USER: Final[dict[str, Any]] = {
    "external_id": "crm-4711",
    "name": "Anna",
    "locale": "de-AT",
    "timezone": "Europe/Vienna",
    "timezone_source": "device",
    "quiet_hours": {"start": "22:00", "end": "07:00"},
    "channels": [
        {"channel": "email", "address": "anna@example.org", "verified": True},
        {"channel": "sms", "address": "+43 664 1234567"},
    ],
    "goals": [{"goal": "walk_more", "target": 8000, "progress": 3000, "streak": 4}],
    "preferences": [
        {"category": "nudge", "channel": "email", "times": ["08:30", "17:00"]},
        {"category": "reminder", "channel": "sms", "times": ["18:00"], "days": ["saturday", "sunday"]},
    ],
}
USER: Final[dict[str, Any]] = {
    "id": example_ids.USER,
    "external_id": "crm-4711",
    "name": "Anna",
    "locale": "de-AT",
    "timezone": "Europe/Vienna",
    "timezone_source": "device",
    "quiet_hours": {"start": "22:00", "end": "07:00"},
    "active": True,
    "channels": [
        {"channel": "email", "address": "anna@example.org", "verified": True},
        {"channel": "sms", "address": "+436641234567", "verified": False},
    ],
    "created_at": "2026-11-24T12:00:00.123456Z",
    "updated_at": "2026-11-24T12:00:00.123456Z",
}
CHANGE: Final[dict[str, Any]] = {"timezone": "America/New_York", "timezone_source": "given", "quiet_hours": None}
GOAL_BODY: Final[dict[str, Any]] = {"target": 8000, "progress": 5200, "streak": 5, "notes": "before lunch"}
GOAL: Final[dict[str, Any]] = {"goal": "walk_more", **GOAL_BODY}
PREFERENCE_BODY: Final[dict[str, Any]] = {
    "enabled": True,
    "times": ["09:00"],
    "days": ["monday", "wednesday", "friday"],
    "every_days": 1,
}
PREFERENCE: Final[dict[str, Any]] = {
    "category": "nudge",
    "channel": "email",
    **PREFERENCE_BODY,
    "next_due_at": "2026-11-25T08:00:00Z",
}
BULK: Final[dict[str, Any]] = {
    "users": [
        {**NEW_USER, "external_id": "crm-4712"},
        {"external_id": "crm-4713", "name": "Ben", "timezone": "Europe/Atlantis"},
    ]
}
RESULTS: Final[dict[str, Any]] = {
    "results": [
        {"line": 1, "status": "created", "id": "9b7d6c51-3f0e-4a58-8f0b-1c2d3e4f5a6b"},
        {
            "line": 2,
            "status": "refused",
            "errors": [
                {
                    "field": "timezone",
                    "problem": "it is not a time zone",
                    "fix": "Give an IANA name, such as Europe/Berlin",
                }
            ],
        },
    ]
}


def asked(name: str, body: dict[str, Any]) -> OpenApiExample:
    """A request."""
    return OpenApiExample(name, body, request_only=True)


def told(name: str, body: dict[str, Any], status: int = 200) -> OpenApiExample:
    """An answer."""
    return OpenApiExample(name, body, response_only=True, status_codes=[str(status)])
