"""Stops a consumer when dead letters pour, until an operator says go: `manage.py dead_letters resume`.

The hold stands in PostgreSQL, so that neither a restart nor a colleague drains on. It does not end by itself: whatever
made them pour, a wrong key or a broken release, is there until somebody has looked, and each try would bury more.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from healthnotify.bootstrap import App
from healthnotify.domain.delivery import KILLS_THE_PROCESS, OUTCOME_UNKNOWN, Envelope, Step
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.flood import USUAL, Flood
from healthnotify.domain.lifecycle import Event
from healthnotify.domain.model import Channel
from healthnotify.pipeline.ports import Topic
from healthnotify.workers.loop import Loop

#: How old what is known of the hold may be: an operator's word takes effect within two seconds.
FRESH: Final = timedelta(seconds=1)
NOT_KNOWN: Final = "PostgreSQL has not said yet whether it may be consumed"
RECORDS: Final = "records"  # what is counted beside the channels: poison, and ids that nobody knows
#: Nobody refused these: their holders died, or their answers were lost, and a machine that is restarted makes many.
IN_DOUBT: Final = (OUTCOME_UNKNOWN, KILLS_THE_PROCESS)
#: Accepted messages are counted up to this many, and a hundred more for each dead letter: no share hangs on more.
ENOUGH: Final = 1_000

#: Who has just started counts what went before: of those that each cost the process its life nobody would see a flood.
UNREAD: Final = 5
UNREAD_WITHIN: Final = timedelta(hours=1)


class Floodgate:
    """Of one consumer of one topic. `room` is asked by the thread that takes; any thread may tell."""

    def __init__(self, loop: Loop, app: App, topic: Topic, most: int = 1_000) -> None:
        """`most`: how many may be taken at a time."""
        self._loop, self._app, self._topic, self._most = loop, app, topic, most
        self._floods: defaultdict[str, Flood] = defaultdict(Flood)
        self._asked_at: dict[Channel, datetime] = {}
        self._why: str | None = NOT_KNOWN  # it holds; None: it does not
        self._unwritten: str | None = None  # a hold of ours that PostgreSQL does not know of
        self._looked_at: datetime | None = None
        self._lock = threading.Lock()

    def room(self, room: int) -> int:
        """How many of `room` may be taken: none while it holds, and few where a channel's are given up in a row."""
        with self._lock:
            self._look()
            self._loop.pulse.holds(None if self._why == NOT_KNOWN else self._why)
            channels = [flood.room() for what, flood in self._floods.items() if what != RECORDS]
            return 0 if self._why else min([room, self._most, *channels])

    def burying(self) -> int:
        """How many records may be buried now: what has been read beyond that waits until these are seen to be no flood,
        or until an operator has said go."""
        with self._lock:
            return 0 if self._why else self._floods[RECORDS].room()

    def passed(self, handled: int, buried: int) -> None:
        """So many records were handled, of which so many are dead letters that no notification stands behind."""
        with self._lock:
            self._observe(RECORDS, handled, buried)

    def decided(self, envelopes: Sequence[Envelope], steps: Sequence[Step]) -> None:
        """What became of failed tries: a channel's notifications that were given up count against what it accepts."""
        channels = {envelope.id: envelope.channel for envelope in envelopes}
        given_up = Counter(
            channels[step.id]
            for step in steps
            if step.event is Event.GAVE_UP and step.reason not in IN_DOUBT and step.id in channels
        )
        with self._lock:
            for channel, buried in given_up.items():
                self._observe(channel, buried + self._accepted(channel, buried), buried)

    def _observe(self, what: str, handled: int, buried: int) -> None:
        why = self._floods[what].observe(self._app.now(), handled, buried)
        if why and not self._why:
            self._why = self._unwritten = f"{what}: {why}"
            self._looked_at = None
            self._say()

    def _accepted(self, channel: Channel, buried: int) -> int:
        """Since it was asked last. None are known of while PostgreSQL is away: but then nothing is given up either."""
        now = self._app.now()
        since = max(self._asked_at.get(channel, now - USUAL.window), now - USUAL.window)
        try:
            accepted = self._app.holds.accepted(channel, since, ENOUGH + 100 * buried)
        except Unavailable:
            return 0
        self._asked_at[channel] = now
        return accepted

    def _look(self) -> None:
        """While PostgreSQL is away what was known last stands."""
        now = self._app.now()
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < FRESH:
            return
        try:
            if self._unwritten:
                self._app.holds.hold(self._topic, self._unwritten, now)
                self._unwritten = None
            elif (
                self._why == NOT_KNOWN and (number := self._app.holds.unread(self._topic, now - UNREAD_WITHIN)) > UNREAD
            ):
                why = f"{number} records have ended processes within an hour, which is likelier our fault than theirs"
                self._app.holds.hold(self._topic, why, now)
            held = self._app.holds.held(self._topic)
        except Unavailable:
            return
        before, self._why, self._looked_at = self._why, held and held.why, now
        if self._why and self._why != before:
            self._say()
        elif before not in (None, NOT_KNOWN) and not self._why:
            self._floods.clear()  # else the next dead letter alone would make it hold again
            self._loop.log.note("resumed", topic=self._topic)

    def _say(self) -> None:
        self._loop.log.trouble("dead_letters_pour", topic=self._topic, why=self._why, fix="dead_letters resume")
