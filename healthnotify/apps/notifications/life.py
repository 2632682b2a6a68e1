"""The life of one notification in plain words: every move, with its reason."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.database import rows
from healthnotify.domain.errors import BadInput
from healthnotify.domain.lifecycle import Event
from healthnotify.domain.model import Withheld

NOTIFICATION: Final = """
    SELECT n.*, u.external_id, (SELECT count(*) FROM dead_letters d WHERE d.notification_id = n.id) AS dead_letters
    FROM notifications n JOIN users u ON u.id = n.user_id WHERE n.id = %(id)s
"""
MOVES: Final = "SELECT * FROM moves WHERE notification_id = %(id)s AND local_date = %(local_date)s ORDER BY id"

WORDS: Final = {
    Event.PLANNED: "{planned} for {wall_clock} {timezone}{shift}",
    Event.WRITTEN: "{author}{why}, approved by the guardrails and saved",
    Event.PUBLISHED: "its time had come; Kafka confirmed the record for try {attempt}",
    Event.ACCEPTED: "the {channel} channel accepted try {attempt}",
    Event.REFUSED: "try {attempt} failed: {reason}",
    Event.DEFERRED: "try {attempt} was put off without sending: {reason}",
    Event.SCHEDULED: "the retry consumer set the next try for {due_at}",
    Event.REPUBLISHED: "Kafka confirmed another record, for try {attempt}",
    Event.TAKEN_OVER: "whoever held try {attempt} did not say what came of it; another consumer took over",
    Event.GAVE_UP: "given up: {reason}; its dead letter is kept",
    Event.CANCELLED: "cancelled: {reason}{meaning}",
    Event.REDRIVEN: "{actor} brought it back from the dead letters; it has all of its tries again",
}
#: What a reason not to send says, where its code alone does not.
MEANINGS: Final = {
    Withheld.OPTED_OUT: "; the user does not want this category on this channel, or has no address there any more",
    Withheld.EXPIRED: "; its time was over before it could be sent",
    Withheld.SUPERSEDED: "; the user wants it otherwise now, and what takes its place has an id of its own",
    Withheld.CAPPED: "; the user had as many messages within a day as anybody gets",
    Withheld.WITHDRAWN: "; {actor} took it back",
    Withheld.UNFIT: "; the text that was asked for breaks a rule with this user's values in it",
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
    event: str
    before: str | None
    after: str
    attempt: int
    reason: str | None
    due_at: datetime | None
    actor: str | None
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
        fix = "Take an id from a log line or the evidence; what is older than KEEP_DAYS may have been dropped"
        raise BadInput("id", f"no notification {notification_id}", fix)
    row = found[0]
    source = json.loads(row.provenance) if row.provenance else {}
    moves = rows(MOVES, {"id": row.id, "local_date": row.local_date})
    return Life(_facts(row, source), tuple(_chapter(move, row, source) for move in moves))


def _facts(row: Any, source: dict[str, Any]) -> dict[str, str]:
    facts = {
        "notification": str(row.id),
        "user": row.external_id,
        "category": row.category,
        "goal": row.goal or "none: its text was given",
        "channel": row.channel,
        **_occasion(row),
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


def _occasion(row: Any) -> dict[str, str]:
    if row.slot is None:
        return {"asked for by": row.asked_by, "local date": str(row.local_date)}
    return {"local date, slot": f"{row.local_date}, {row.slot}"}


def _chapter(move: Any, row: Any, source: dict[str, Any]) -> Chapter:
    return Chapter(
        at=move.at,
        event=move.event,
        before=move.before,
        after=move.after,
        attempt=move.attempt,
        reason=move.reason,
        due_at=move.due_at,
        actor=move.actor,
        words=_words(move, row, source),
    )


def _words(move: Any, row: Any, source: dict[str, Any]) -> str:
    why = source.get("why_template")
    actor = move.actor or "an operator"
    return WORDS[Event(move.event)].format(
        wall_clock=row.wall_clock.replace("T", " "),
        timezone=row.timezone,
        shift=SHIFTS.get(row.shift, ""),
        planned=f"asked for by {row.asked_by}," if row.slot is None else "planned",
        author=_author(source),
        why=f" because the model gave nothing usable ({why})" if why else "",
        attempt=move.attempt,
        channel=row.channel,
        reason=move.reason,
        meaning=MEANINGS.get(move.reason, "").format(actor=actor),
        actor=actor,
        due_at=move.due_at.isoformat(timespec="milliseconds") if move.due_at else "",
    )


def _author(source: dict[str, Any]) -> str:
    if source.get("source") == "given":
        return f"the words were given by {source['author']}"
    return f"written by the {source.get('source')} {source.get('author')}"
