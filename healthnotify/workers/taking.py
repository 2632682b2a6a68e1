"""What a consumer takes: read from the road, sorted into lanes, claimed when there is room, else put off."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from healthnotify.bootstrap import App
from healthnotify.domain.delivery import Envelope, Failure, FailureKind, Record, Step
from healthnotify.domain.lanes import Lanes
from healthnotify.domain.model import Channel
from healthnotify.domain.one_by_one import OneByOne
from healthnotify.domain.stops import NOTHING_STOPPED, Stops
from healthnotify.pipeline import deliver
from healthnotify.pipeline.bury import bury
from healthnotify.pipeline.deliver import Arrival, Held, Sent, Settled, Taken
from healthnotify.pipeline.ports import Intake
from healthnotify.workers.floodgate import Floodgate

WAIT: Final = timedelta(milliseconds=100)
AT_ONCE: Final = timedelta(0)
WIDEST: Final = 8  # times as many as usual may a fast channel have under way
#: How old what is known of stops may be: they take effect within two seconds.
FRESH: Final = timedelta(seconds=1)
#: What cannot be put off is looked at again after so long.
AGAIN: Final = timedelta(seconds=5)


class Taking:
    """`take` is called by one thread, `settled` by any."""

    def __init__(self, app: App, intake: Intake, gate: Floodgate, tell: Callable[[Sequence[Step]], None]) -> None:
        """`tell` hears of what ended with a record that was buried unread."""
        self.stops: Stops = NOTHING_STOPPED  #: as they were a second ago at most
        self._app = app
        self._intake = intake
        self._gate = gate
        self._tell = tell
        self._lanes: Lanes[Arrival] = Lanes(app.in_flight, WIDEST * app.in_flight)
        self._poison: list[Record] = []
        self._again: deque[Record] = deque()  # their claims were lost
        self._suspects: OneByOne[Arrival] = OneByOne(app.dice)  # not claimed yet
        self._to_send: list[Held] = []  # what was taken when a service went away in mid-turn is kept for the next
        self._to_settle: list[Sent] = []
        self._assigned: frozenset[int] = frozenset()
        self._looked_at: datetime | None = None
        self._counting = threading.Lock()

    def take(self, room: int) -> tuple[list[Held], list[Sent]]:
        """Those to send, and those whose outcome is known without a send. With `room` 0 nothing new is begun."""
        reads = room > 0 and not self.stops.everything
        wait = AT_ONCE if reads and self._lanes.ready(self._app.now()) else WAIT
        records = self._intake.take(self._gate.room(self._lanes.room()) if reads else 0, wait)
        self._let_go()
        self._sort(records)
        self._look_for_stops()
        self._bury()
        if room > 0 and not self.stops.everything:
            self._begin(self._app.now())  # after the wait: what was published during it is not early
        to_send, self._to_send = self._to_send, []
        to_settle, self._to_settle = self._to_settle, []
        self._intake.begin([held.record for held in (*to_send, *(one.held for one in to_settle))])
        return to_send, to_settle

    def settled(self, sent: Iterable[Sent], it: Settled) -> None:
        """Their lanes have room again, and those whose claims were lost are asked for again."""
        still = {id(one) for one in it.left}
        self._again.extend(it.again)
        ended = [one for one in sent if id(one) not in still]
        self._suspects.settled(one.held.record for one in ended)
        with self._counting:
            self._lanes.end(Counter(one.held.claim.envelope.channel for one in ended))
            answered = Counter(one.held.claim.envelope.channel for one in ended if not _is_deferred(one))
            self._lanes.answered(answered, self._app.now())

    def _begin(self, now: datetime) -> None:
        if self.stops != NOTHING_STOPPED:
            stopped = [one for one in self._lanes.waiting() if one.not_before <= now and self._is_stopped(one)]
            self._put_off(stopped, deliver.STOPPED, deliver.STOP_REST, now)
        self._claim(self._lanes.ready(now), now)
        self._claim_a_suspect(now)
        self._put_off(self._lanes.overstayed(now), deliver.LANE_FULL, self._rest(), now)

    def _look_for_stops(self) -> None:
        now = self._app.now()
        if self._looked_at is None or not timedelta(0) <= now - self._looked_at < FRESH:
            self.stops, self._looked_at = self._app.store.stops(), now

    def _let_go(self) -> None:
        """What waits is its new owner's once its partition has moved: two would do the same work, and the one whose
        work it is would stand idle before the end. Suspects come one by one anyway."""
        assigned = frozenset(self._intake.assigned())
        if assigned != self._assigned:
            self._lanes.go([one for one in self._lanes.waiting() if one.record.position.partition not in assigned])
            self._poison = [record for record in self._poison if record.position.partition in assigned]
            self._assigned = assigned

    def _sort(self, records: Sequence[Record]) -> None:
        now = self._app.now()
        again = [self._again.popleft() for _ in range(len(self._again))]
        for record in [*again, *records]:
            if isinstance(record.content, Envelope):
                arrival = Arrival(record, self._app.new_id(), now)
                self._lanes.wait(record.content.channel, arrival, now=now)
            else:
                self._poison.append(record)

    def _bury(self) -> None:
        if some := self._poison[: self._gate.burying()]:
            app = self._app
            buried, ended = bury(some, now=app.now(), store=app.store, staging=app.staging, road=app.road)
            self._tell(ended)
            gone = {id(record) for record in buried}
            self._poison = [record for record in self._poison if id(record) not in gone]
            self._intake.finish(buried)
            self._gate.passed(len(buried), len(buried))

    def _claim(self, ready: Sequence[Arrival], now: datetime, *, alone: bool = False) -> Taken:
        """What raises here, because a service is away, leaves all of them waiting with the ids that they asked with."""
        app = self._app
        taken = deliver.take(
            ready,
            now=now,
            store=app.store,
            road=app.road,
            delivering=app.delivering,
            burying=self._gate.burying(),
            alone=alone,
        )
        self._lanes.go(ready)
        for parked in taken.parked:
            self._wait_again(parked, now, parked.not_before)
        for suspect in taken.suspects:
            self._suspects.add(suspect.record, suspect)
        self._intake.finish(taken.finished)
        self._gate.passed(len(ready) - len(taken.parked) - len(taken.suspects), taken.buried)
        self._to_send += taken.to_send
        self._count(held.claim.envelope.channel for held in taken.to_send)
        self._keep(taken.to_settle)
        return taken

    def _claim_a_suspect(self, now: datetime) -> None:
        """It waits without a claim, so that the death of this process is not counted against it before its turn."""
        for one in self._suspects.next():
            begun = False
            if self._is_stopped(one):
                self._wait_again(one, now, now + AGAIN)
            else:
                taken = self._claim([one], now, alone=True)
                begun = bool(taken.to_send or taken.to_settle)
            self._suspects.gone()
            if not begun:
                self._suspects.settled([one.record])

    def _put_off(self, arrivals: Sequence[Arrival], reason: str, rest: timedelta, now: datetime) -> None:
        if not arrivals:
            return
        taken = deliver.put_off(arrivals, reason, now + rest, now=now, store=self._app.store)
        self._lanes.go(arrivals)
        gone = {id(sent.held.record) for sent in taken.to_settle}
        for left in arrivals:
            if id(left.record) not in gone:
                self._wait_again(left, now, now + AGAIN)
        self._keep(taken.to_settle)

    def _keep(self, known: Sequence[Sent]) -> None:
        self._to_settle += known
        self._count(sent.held.claim.envelope.channel for sent in known)

    def _wait_again(self, arrival: Arrival, now: datetime, not_before: datetime) -> None:
        self._lanes.wait(channel_of(arrival), arrival, now=now, not_before=not_before)

    def _rest(self) -> timedelta:
        return deliver.LANE_REST * (1 + self._app.dice())

    def _is_stopped(self, arrival: Arrival) -> bool:
        content = arrival.record.content
        return isinstance(content, Envelope) and self.stops.hold(content.channel, content.category)

    def _count(self, channels: Iterable[Channel]) -> None:
        numbers = Counter(channels)
        with self._counting:
            self._lanes.begin(numbers)


def _is_deferred(one: Sent) -> bool:
    return isinstance(one.outcome, Failure) and one.outcome.kind is FailureKind.DEFERRED


def channel_of(arrival: Arrival) -> Channel:
    """Of a record that holds an envelope."""
    assert isinstance(arrival.record.content, Envelope)
    return arrival.record.content.channel
