"""The Holds port on PostgreSQL, and the operator's word that ends a hold."""

from datetime import datetime
from typing import Any, Final

from healthnotify.apps.access.audit import Action, note_each
from healthnotify.apps.database import all_or_nothing, rows
from healthnotify.domain.delivery import KILLS_THE_PROCESS
from healthnotify.domain.model import Channel
from healthnotify.domain.redriving import IN_DOUBT
from healthnotify.pipeline.ports import Hold, Topic

HELD: Final = """
    SELECT topic, since, why FROM holds WHERE %(topic)s::text IS NULL OR topic = %(topic)s ORDER BY topic
"""
HOLD: Final = """
    INSERT INTO holds (topic, since, why) VALUES (%(topic)s, %(at)s, %(why)s)
    ON CONFLICT (topic) DO UPDATE SET topic = excluded.topic RETURNING topic, since, why
"""
RELEASE: Final = """
    DELETE FROM holds WHERE %(topic)s::text IS NULL OR topic = %(topic)s RETURNING topic, since, why
"""
ACCEPTED: Final = """
    SELECT count(*) AS number FROM (
        SELECT FROM moves m JOIN notifications n ON n.id = m.notification_id AND n.local_date = m.local_date
        WHERE m.at > %(since)s AND m.event = 'accepted' AND n.channel = %(channel)s LIMIT %(most)s
    ) AS lately
"""
#: Through the index of those that are not expired: few are so young.
UNREAD: Final = """
    SELECT count(*) AS number FROM dead_letters
    WHERE at > GREATEST(%(since)s, (SELECT max(at) FROM audit WHERE action = %(ended)s AND target = %(topic)s))
          AND expired_at IS NULL AND topic = %(topic)s AND reason LIKE %(kills)s || '%%'
"""
#: What waits undecided is tried again, though its provider refused it for good: not the message was wrong but we were.
#: What may have been sent stays as it is. Once `decide` sees it, it has used a try like any other.
TRY_AGAIN: Final = """
    UPDATE notifications SET failure = jsonb_set(failure, '{kind}', '"transient"')
    WHERE state = 'RETRY' AND next_attempt_at IS NULL AND failure ->> 'kind' = 'permanent'
          AND failure ->> 'reason' <> ALL(%(in_doubt)s)
    RETURNING id
"""


class PostgresHolds:
    """Every method raises `Unavailable` when PostgreSQL does not answer."""

    def held(self, topic: Topic) -> Hold | None:
        """See `ports.Holds`."""
        return next(map(_hold, rows(HELD, {"topic": topic.value})), None)

    def hold(self, topic: Topic, why: str, at: datetime) -> Hold:
        """See `ports.Holds`."""
        return _hold(rows(HOLD, {"topic": topic.value, "at": at, "why": why[:200]})[0])

    def accepted(self, channel: Channel, since: datetime, most: int) -> int:
        """See `ports.Holds`."""
        (row,) = rows(ACCEPTED, {"channel": channel.value, "since": since, "most": most})
        return int(row.number)

    def unread(self, topic: Topic, since: datetime) -> int:
        """See `ports.Holds`."""
        parameters = {"topic": topic.value, "since": since, "ended": Action.HOLD_ENDED, "kills": KILLS_THE_PROCESS}
        return int(rows(UNREAD, parameters)[0].number)


def holds() -> list[Hold]:
    """All that stand."""
    return [_hold(row) for row in rows(HELD, {"topic": None})]


def resume(*, actor: str, at: datetime, topic: Topic | None = None, try_again: bool = False) -> tuple[list[Hold], int]:
    """Let the topic, or all of them, be consumed again; answers the holds that are ended now, in the audit trail too.

    With `try_again`, what was refused for good and waits for a decision is tried again; answers how many that are.
    """
    with all_or_nothing():
        tried = len(rows(TRY_AGAIN, {"in_doubt": list(IN_DOUBT)})) if try_again and topic is not Topic.DAILY else 0
        ended = [_hold(row) for row in rows(RELEASE, {"topic": topic and topic.value})]
        note_each(actor, Action.HOLD_ENDED, [hold.topic.value for hold in ended], at, tried_again=tried)
    return ended, tried


def _hold(row: Any) -> Hold:
    return Hold(Topic(row.topic), row.since, row.why)
