"""The dead letters, for who looks through them on the command line, and their end after a time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.access.audit import Action, note
from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.apps.notifications.redrive import FOUND, given_up
from healthnotify.domain.delivery import Position
from healthnotify.domain.errors import Missing
from healthnotify.domain.model import Channel
from healthnotify.domain.redriving import MOST_REDRIVES, Obstacle, obstacle

CHUNK: Final = 1_000

#: Why one is left where it is, as a sentence goes on.
OBSTACLES: Final = {
    Obstacle.NOT_FAILED: "it is not given up any more: somebody else may have brought it back",
    Obstacle.ACCEPTED_LATE: "the channel took it after all",
    Obstacle.LETTER_EXPIRED: "its dead letter has expired",
    Obstacle.EXPIRED: "its time is over",
    Obstacle.OPTED_OUT: "the user does not want it any more, or has no address on that channel",
    Obstacle.USER_INACTIVE: "the user is inactive",
    Obstacle.ERASED: "the user has been erased",
    Obstacle.TOO_OFTEN: f"it was brought back {MOST_REDRIVES} times already",
    Obstacle.OUTCOME_UNKNOWN: "it may have been sent, and a second copy was not accepted",
}

GIVEN_UP: Final = f"""
    {FOUND}
    WHERE n.state = 'FAILED' AND (%(reason)s::text IS NULL OR n.reason = %(reason)s)
          AND (%(channel)s::text IS NULL OR n.channel = %(channel)s)
          AND (%(since)s::timestamptz IS NULL OR n.ended_at >= %(since)s)
    ORDER BY n.ended_at DESC, n.id LIMIT %(most)s
"""

#: What no notification stands behind: records with their place. Reasons of poison go on after their code.
POISON: Final = """
    SELECT d.notification_id, d.at, d.reason, d.topic, d.partition, d."offset"
    FROM dead_letters d
    WHERE d.topic IS NOT NULL AND NOT EXISTS (SELECT FROM notifications n WHERE n.id = d.notification_id)
          AND (%(reason)s::text IS NULL OR d.reason = %(reason)s OR d.reason LIKE %(reason)s || ':%%')
          AND (%(since)s::timestamptz IS NULL OR d.at >= %(since)s)
    ORDER BY d.at DESC, d.id DESC LIMIT %(most)s
"""

LETTERS: Final = """
    SELECT at, reason, attempt, topic, partition, "offset", expired_at FROM dead_letters
    WHERE notification_id = %(id)s ORDER BY id
"""

AT_PLACE: Final = """
    SELECT at, reason, notification_id, raw, raw_sha256, raw_size, octet_length(raw) AS kept FROM dead_letters
    WHERE topic = %(topic)s AND partition = %(partition)s AND "offset" = %(offset)s ORDER BY id DESC LIMIT 1
"""

#: The proof that a FAILED notification was buried stays (`evidence` looks for it), with nothing else in it.
EXPIRE: Final = """
    WITH old AS (
        SELECT d.id,
               EXISTS (SELECT FROM notifications n WHERE n.id = d.notification_id AND n.state = 'FAILED') AS needed
        FROM dead_letters d WHERE d.at < %(before)s AND d.expired_at IS NULL
        ORDER BY d.at LIMIT %(chunk)s FOR UPDATE OF d SKIP LOCKED
    ), blanked AS (
        UPDATE dead_letters d
        SET expired_at = %(at)s, detail = '', raw = NULL, raw_sha256 = NULL, topic = NULL, partition = NULL,
            "offset" = NULL
        FROM old WHERE d.id = old.id AND old.needed
    ), gone AS (
        DELETE FROM dead_letters d USING old WHERE d.id = old.id AND NOT old.needed
    )
    SELECT count(*) FILTER (WHERE NOT needed) AS deleted, count(*) FILTER (WHERE needed) AS blanked FROM old
"""
WOULD_EXPIRE: Final = """
    SELECT count(*) FILTER (WHERE NOT needed) AS deleted, count(*) FILTER (WHERE needed) AS blanked FROM (
        SELECT EXISTS (SELECT FROM notifications n WHERE n.id = d.notification_id AND n.state = 'FAILED') AS needed
        FROM dead_letters d WHERE d.at < %(before)s AND d.expired_at IS NULL
    ) old
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A notification that was given up, or a record that none stands behind."""

    what: str  #: the notification's id, or the record's place
    at: datetime
    reason: str
    channel: str | None = None
    attempts: int | None = None
    redrives: int | None = None  #: so far
    why_not: Obstacle | None = None  #: why it may not be brought back; None with a channel: it may


@dataclass(frozen=True, slots=True)
class Bytes:
    """A record that is not ours."""

    at: datetime
    reason: str
    notification_id: UUID | None
    size: int | None  #: of all of it; None: more than what was kept, and not known
    kept: int
    sha256: str | None
    raw: bytes | None  #: when it was asked for


@dataclass(frozen=True, slots=True)
class Expired:
    """What became of old dead letters, or would."""

    deleted: int
    blanked: int  #: kept as a proof, with nothing in it


def listed(
    reason: str | None, since: datetime | None, channel: Channel | None, most: int, *, at: datetime
) -> list[Listed]:
    """The latest first. A channel leaves out what no notification stands behind. Raises `Unavailable`."""
    asked = {"reason": reason, "since": since, "channel": channel and channel.value, "most": most}
    found = [_listed(row, at) for row in rows(GIVEN_UP, asked)]
    if channel is None:
        found += [_poison(row) for row in rows(POISON, asked)]
    return sorted(found, key=lambda one: one.at, reverse=True)[:most]


def letters(notification_id: UUID) -> list[dict[str, Any]]:
    """All dead letters of one notification, the earliest first; empty when it has none."""
    return [row._asdict() for row in rows(LETTERS, {"id": notification_id})]


def at_place(place: Position, *, raw: bool, by: str, now: datetime) -> Bytes:
    """The record that lay there. Raises `Missing`. Its bytes may say anything about anybody, so who wants them, with
    `raw`, is written down."""
    found = rows(AT_PLACE, {"topic": place.topic, "partition": place.partition, "offset": place.offset})
    if not found:
        raise Missing("dead letter of", f"{place.topic}:{place.partition}:{place.offset}")
    row = found[0]
    if raw and row.raw is not None:
        note(by, Action.POISON_READ, f"{place.topic}:{place.partition}:{place.offset}", now)
    return Bytes(
        at=row.at,
        reason=row.reason,
        notification_id=row.notification_id,
        size=row.raw_size,
        kept=row.kept or 0,
        sha256=row.raw_sha256,
        raw=bytes(row.raw) if raw and row.raw is not None else None,
    )


def expire(before: datetime, *, by: str, at: datetime) -> Expired:
    """End one chunk of the dead letters that are older than that, with an audit entry; nothing left: zeros."""
    with all_or_nothing():
        (found,) = rows(EXPIRE, {"before": before, "at": at, "chunk": CHUNK})
        done = Expired(found.deleted, found.blanked)
        if done.deleted or done.blanked:
            detail = {"deleted": done.deleted, "blanked": done.blanked}
            note(by, Action.DEAD_LETTERS_EXPIRED, f"before {before.isoformat()}", at, **detail)
    return done


def would_expire(before: datetime) -> Expired:
    """How many would."""
    (found,) = rows(WOULD_EXPIRE, {"before": before})
    return Expired(found.deleted, found.blanked)


def _listed(row: Any, at: datetime) -> Listed:
    one = given_up(row)
    return Listed(
        what=str(row.id),
        at=row.ended_at,
        reason=row.reason,
        channel=row.channel,
        attempts=row.attempt,
        redrives=row.redrives,
        why_not=obstacle(one, at=at, accept_duplicates=False),
    )


def _poison(row: Any) -> Listed:
    place = f"{row.topic}:{row.partition}:{row.offset}"
    return Listed(what=str(row.notification_id) if row.notification_id else place, at=row.at, reason=row.reason)
