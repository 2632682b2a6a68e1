"""The life of one notification in plain words: every move, with its reason."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.domain.errors import BadInput
from healthnotify.domain.lifecycle import Event

NOTIFICATION: Final = """
    SELECT n.*, u.external_id, (SELECT count(*) FROM dead_letters d WHERE d.notification_id = n.id) AS dead_letters
    FROM notifications n JOIN users u ON u.id = n.user_id WHERE n.id = %(id)s
"""
MOVES: Final = "SELECT * FROM moves WHERE notification_id = %(id)s ORDER BY id"

WORDS: Final = {
    Event.PLANNED: "planned for {wall_clock} {timezone}{shift}",
    Event.WRITTEN: "written by {author}{why}, approved by the guardrails and saved",
    Event.PUBLISHED: "its time had come; Kafka confirmed the record for try {attempt}",
    Event.ACCEPTED: "the {channel} channel accepted try {attempt}",
    Event.REFUSED: "try {attempt} failed: {reason}",
    Event.DEFERRED: "try {attempt} was put off without sending: {reason}",
    Event.SCHEDULED: "the retry consumer set the next try for {due_at}",
    Event.REPUBLISHED: "Kafka confirmed another record, for try {attempt}",
    Event.TAKEN_OVER: "whoever held try {attempt} did not say what came of it; another consumer took over",
    Event.GAVE_UP: "given up: {reason}; its dead letter is kept",
    Event.CANCELLED: "cancelled: {reason}",
    Event.REDRIVEN: "an operator brought it back",
}
SHIFTS: Final = {
    None: "",
    "gap": " (that time did not exist on that date; the first one after it)",
    "quiet_hours": " (moved to the end of the quiet hours)",
}


@dataclass(frozen=True, slots=True)
class Chapter:
    """One move."""

    at: datetime
    before: str | None
    after: str
    words: str


@dataclass(frozen=True, slots=True)
class Life:
    """Who, what and when, without text, name or address; then each move."""

    facts: dict[str, str]
    chapters: tuple[Chapter, ...]


def life(notification_id: UUID) -> Life:
    """Raises `BadInput` for an id that does not exist, `Unavailable` when PostgreSQL does not answer."""
    found = rows(NOTIFICATION, {"id": notification_id})
    if not found:
        raise BadInput("id", f"no notification {notification_id}", "Take an id from a log line or the evidence")
    row = found[0]
    source = json.loads(row.provenance) if row.provenance else {}
    chapters = tuple(
        Chapter(move.at, move.before, move.after, _words(move, row, source))
        for move in rows(MOVES, {"id": notification_id})
    )
    return Life(_facts(row, source), chapters)


def _facts(row: Any, source: dict[str, Any]) -> dict[str, str]:
    facts = {
        "notification": str(row.id),
        "user": row.external_id,
        "category": row.category,
        "goal": row.goal,
        "channel": row.channel,
        "local date, slot": f"{row.local_date}, {row.slot}",
        "send at": row.send_at.isoformat(),
        "expires at": row.expires_at.isoformat(),
        "time zone database": row.tzdata,
        "state": row.state + (f" ({row.reason})" if row.reason else ""),
        "tries": str(row.attempt - row.uncounted),
        "text": f"sha256 {row.message_sha256}" if row.message_sha256 else "none yet",
    }
    if source.get("source") == "model":
        facts["sent to the model"] = ", ".join(source["fields"])
    if row.late_success_at:
        facts["late success"] = row.late_success_at.isoformat()
    return facts


def _words(move: Any, row: Any, source: dict[str, Any]) -> str:
    why = source.get("why_template")
    return WORDS[Event(move.event)].format(
        wall_clock=row.wall_clock.replace("T", " "),
        timezone=row.timezone,
        shift=SHIFTS.get(row.shift, ""),
        author=f"the {source.get('source')} {source.get('author')}",
        why=f" because the model gave nothing usable ({why})" if why else "",
        attempt=move.attempt,
        channel=row.channel,
        reason=move.reason,
        due_at=move.due_at.isoformat(timespec="milliseconds") if move.due_at else "",
    )
