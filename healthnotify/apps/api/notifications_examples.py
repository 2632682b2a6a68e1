"""Requests and answers as the documentation shows them; a test sends each request and compares the answers' fields."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from healthnotify.apps.api import example_ids
from healthnotify.apps.api import notifications_shown as shown

ID: Final = example_ids.NOTIFICATION
USER: Final = example_ids.USER

LATER: Final = {
    "external_id": "crm-4711",
    "category": "service",
    "channel": "email",
    "subject": "Ihr Termin, {name}",
    "text": "{greeting}\nwir freuen uns, Sie morgen um halb zehn zu sehen.",
    "send_at": "2026-11-24T18:30:00Z",
    "expires_at": "2026-11-24T20:00:00Z",
}
TEMPLATE: Final = {
    "external_id": "crm-4711",
    "category": "nudge",
    "channel": "email",
    "template": "drink_water.nudge.en.1",
}
GOAL: Final = {"external_id": "crm-4711", "category": "nudge", "channel": "sms", "goal": "walk_more"}

PLANNED: Final[dict[str, Any]] = {
    "id": ID,
    "user_id": USER,
    "category": "service",
    "channel": "email",
    "goal": None,
    "template": None,
    "asked_by": "key:3f9c0a1b2c4d",
    "state": "PLANNED",
    "reason": None,
    "local_date": "2026-11-24",
    "slot": None,
    "timezone": "Europe/Vienna",
    "wall_clock": "2026-11-24T19:30:00",
    "shift": None,
    "send_at": "2026-11-24T18:30:00Z",
    "expires_at": "2026-11-24T20:00:00Z",
    "next_attempt_at": None,
    "updated_at": "2026-11-24T12:00:00Z",
    "ended_at": None,
    "external_id": "crm-4711",
    "tries": 0,
}
FIRST_MOVE: Final = {
    "at": "2026-11-24T12:00:00Z",
    "event": "planned",
    "before": None,
    "after": "PLANNED",
    "attempt": 0,
    "reason": "ad_hoc",
    "due_at": None,
    "actor": "key:3f9c0a1b2c4d",
    "words": "asked for by key:3f9c0a1b2c4d, for 2026-11-24 19:30:00 Europe/Vienna",
}
LIFE: Final[dict[str, Any]] = PLANNED | {"provenance": None, "late_success_at": None, "moves": [FIRST_MOVE]}
WITHDRAWN: Final = LIFE | {
    "state": "CANCELLED",
    "reason": "withdrawn",
    "updated_at": "2026-11-24T12:05:00Z",
    "ended_at": "2026-11-24T12:05:00Z",
    "moves": [
        FIRST_MOVE,
        FIRST_MOVE
        | {
            "at": "2026-11-24T12:05:00Z",
            "event": "cancelled",
            "before": "PLANNED",
            "after": "CANCELLED",
            "reason": "withdrawn",
            "words": "cancelled: withdrawn; key:3f9c0a1b2c4d took it back",
        },
    ],
}
SAID: Final = {
    "id": ID,
    "subject": "Ihr Termin, Anna",
    "text": "Hallo Anna,\nwir freuen uns, Sie morgen um halb zehn zu sehen.",
}
DEAD: Final = {
    "kind": "notification",
    "id": ID,
    "at": "2026-11-24T19:10:00Z",
    "reason": "smtp_550",
    "user_id": USER,
    "category": "service",
    "channel": "email",
    "expires_at": "2026-11-24T20:00:00Z",
    "tries": 1,
    "redrives": 0,
    "late_success_at": None,
    "place": None,
}
BY_REASON: Final = {"reason": "smtp_550", "channel": "email", "max": 50}
BY_IDS: Final = {"ids": [ID], "dry_run": False}
DONE: Final = {
    "dry_run": False,
    "done": 1,
    "left": 0,
    "results": [{"id": ID, "done": True, "why_not": None}],
}

ASKINGS: Final = [
    OpenApiExample("a text, later", LATER, request_only=True),
    OpenApiExample("a template, at once", TEMPLATE, request_only=True),
    OpenApiExample("about a goal", GOAL, request_only=True),
]
REDRIVES: Final = [
    OpenApiExample("look first", BY_REASON, request_only=True),
    OpenApiExample("bring one back", BY_IDS, request_only=True),
]


def _answer(serializer: Any, description: str, example: Any) -> OpenApiResponse:
    return OpenApiResponse(serializer, description, [OpenApiExample(description.rstrip("."), example)])


LISTED: Final = _answer(shown.NotificationList, "A page of notifications.", {"items": [PLANNED], "next": None})
ASKED: Final = _answer(shown.NotificationLife, "It is written down.", LIFE)
TOLD: Final = _answer(shown.NotificationLife, "Its life so far.", LIFE)
TAKEN_BACK: Final = _answer(shown.NotificationLife, "It will not be sent.", WITHDRAWN)
MESSAGE: Final = _answer(shown.MessageShown, "What it says.", SAID)
BURIED: Final = _answer(shown.DeadLetterList, "A page of dead letters.", {"items": [DEAD], "next": None})
BROUGHT_BACK: Final = _answer(shown.RedrivesShown, "What was done, or would be.", DONE)
