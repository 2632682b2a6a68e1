"""One run of one fault: load, fault, healing, rest, judgement. A fault's function gets it and tells the story."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import psycopg
from django.db import connection

from healthnotify import bootstrap
from healthnotify.apps.notifications import holding
from healthnotify.apps.notifications.evidence import evidence
from healthnotify.domain.delivery import Position
from healthnotify.domain.model import Channel
from healthnotify.pipeline.ports import Topic
from tests.chaos.crew import ROSTER, SWEEPER, Crew
from tests.chaos.faults import Fault
from tests.chaos.frames import Spoil
from tests.chaos.judge import DOUBTFUL, ENDED, Case, Verdict, judge
from tests.chaos.load import MIX, Load
from tests.chaos.services import TIMES, Services
from tests.chaos.taken import Take

TICK: Final = 0.1
LEAD: Final = 1.5  # seconds between the entering of people and the first of them being due
REST: Final = 60.0  # seconds after the fault within which everything must have ended
STILL: Final = 9.0  # without a sweeper: seconds without any move after which nothing more will come
CACHE_LAGS: Final = 8.0  # seconds by which the cache may be behind: what a dead producer has hidden comes back first
CONSUMERS: Final = 2
MOST_DEATHS: Final = 12  # of workers by themselves in one run
PUNCTUAL: Final = timedelta(seconds=5)


class Disturbed(Exception):
    """The run says nothing: the fault did not take effect, or the log is incomplete."""


class LeftOut(Exception):
    """This variant makes no sense with, or without, the sweeper."""


@dataclass
class Result:
    """What a run found."""

    fault: int
    sweeper: bool
    variant: str
    verdict: Verdict
    kills: int
    deaths_by_themselves: list[str]
    left_to_sweeper: list[str]
    recover: float  #: seconds from the healing until everything that was due had ended
    seconds: float
    notes: list[str] = field(default_factory=list)


class Run:
    """The stage for one run. Everything that a fault may use is public here."""

    def __init__(
        self, fault: Fault, variant: Any, *, sweeper: bool, services: Services, crew: Crew, dice: Random
    ) -> None:
        self.fault = fault
        self.variant = variant
        self.sweeper = sweeper
        self.services = services
        self.crew = crew
        self.dice = dice
        self.provider = services.provider
        self.lines = services.lines
        self.ledger = services.ledger
        self.loads = Load()
        self.notes: list[str] = []  #: what a reader of the results should know of this run
        self.after = 10  #: people who are due after the fault, to see that all is well again
        self.checks: list[Callable[[Verdict], None]] = []  #: asked at the end, with all at rest, beside the invariants
        self.may_leave = False  #: whether what the fault loses is the sweeper's to find
        self._began = time.monotonic()
        self._mark = services.provider.number()
        self._kills = crew.kills + services.kills
        self._deaths = len(crew.deaths)
        self._calm: list[tuple[datetime, datetime]] = []
        self._takes = crew.takes.mark()
        self._musts: list[tuple[Callable[[Verdict], bool], str]] = []

    # For faults

    def load(
        self, count: int = 150, *, seconds: float = 4, lead: float = LEAD, mix: Mapping[Channel, float] = MIX
    ) -> None:
        """Enter that many people whose time comes over the next seconds, `lead` seconds from now; returns at once."""
        begins = bootstrap.now() + timedelta(seconds=lead)
        self.loads.enter(count, begins=begins, seconds=seconds, hook=self.services.hook, dice=self.dice, mix=mix)

    def wait_for(self, happened: Callable[[], object], what: str, *, seconds: float = 20) -> None:
        """Look until it is so. Raises `Disturbed`."""
        deadline = time.monotonic() + seconds
        while not happened():
            self._look_for_hopeless()
            if time.monotonic() > deadline:
                raise Disturbed(f"{what} did not happen within {seconds:.0f} s; {self._whereabouts()}")
            time.sleep(TICK)

    def _whereabouts(self) -> str:
        """Whether there was nothing to wait for, or something stands still."""
        with suppress(psycopg.OperationalError):
            asked = "SELECT count(*) FROM notifications WHERE lease_until < now() AND user_id = ANY(%s)"
            ((left,),) = self.ledger.ask(f"{asked} AND state = 'PENDING'", list(self.loads.asked))
            return f"{self.states()}, {left} claims whose lease has ended, held: {self.held() or 'nothing'}"
        return "PostgreSQL does not say why"

    def wait_until_accepted(self, share: float) -> None:
        """Until the provider has taken that share of what was asked for."""
        self.wait_for(lambda: self.accepted() >= share * len(self.loads.asked), f"{share:.0%} accepted")

    def pause(self, seconds: float) -> None:
        """Let the fault work for a while."""
        time.sleep(seconds)

    def prove(self, effect: object, what: str) -> None:
        """The fault took effect; else the run says nothing. Raises `Disturbed`."""
        if not effect:
            raise Disturbed(f"the fault took no effect: {what}")

    def spoil(self, *spoils: Spoil) -> None:
        """From now on single requests to Kafka are lost, refused or made wrong so; none without a spoil."""
        self.services.sky.spoils = list(spoils)

    def must(self, holds: Callable[[Verdict], bool], what: str) -> None:
        """Beside the invariants this must hold when all has ended; else it is a breach, named `what`."""
        self._musts.append((holds, what))

    def must_send_once(self, what: str) -> None:
        """Nothing may go out twice but what a send that timed out, on a slow machine, has left in doubt."""
        self.must(lambda verdict: verdict.duplicates <= self.doubts(), what)

    def doubts(self) -> int:
        """How many sends of this run had an outcome that nobody knows, by a time that ran out or a line that broke."""
        moves = self.ledger.moves(list(self.loads.asked))
        return sum(move.event == "refused" and move.reason in DOUBTFUL for move in moves)

    def leave_out(self, why: str) -> None:
        """This variant makes no sense here. Raises `LeftOut`; it is no try, and no disturbance."""
        raise LeftOut(why)

    def accepted(self) -> int:
        """How many requests of this run the provider has taken so far."""
        return sum(request.accepted for request in self.requests())

    def accepted_on(self, channel: str) -> int:
        """The same of one channel."""
        return sum(request.accepted and request.channel == channel for request in self.requests())

    def did(self, deed: str) -> int:
        """How often the provider has done that in this run (a name in `provider.DEEDS`, or "accept")."""
        return sum(request.did == deed for request in self.requests())

    def requests(self) -> list[Any]:
        """The provider's log of this run."""
        try:
            return self.provider.requests(self._mark)
        except ValueError as problem:
            raise Disturbed(str(problem)) from None

    def taken_over(self) -> int:
        """How many claims of this run were taken over because their lease had ended without an outcome."""
        return sum(move.event == "taken_over" for move in self.ledger.moves(list(self.loads.asked)))

    def reconnect(self) -> None:
        """Let go of the harness's own connections to PostgreSQL, which a restart has left dead."""
        connection.close()
        connection.close_pool()

    def held(self) -> dict[str, str]:
        """Topics that nobody consumes because dead letters poured, each with the reason."""
        return dict(self.ledger.ask("SELECT topic, why FROM holds"))

    def resume(self) -> None:
        """What an operator does after a flood of dead letters: look, and say go."""
        for topic, why in self.held().items():
            self.notes.append(f"{topic} was held ({why}), and resumed")
            holding.resume(actor="operator:chaos", at=bootstrap.now(), topic=Topic(topic))

    def published(self) -> int:
        """How many records of this run Kafka has confirmed, as far as PostgreSQL knows."""
        moves = self.ledger.moves(list(self.loads.asked))
        return sum(move.event in {"published", "republished"} for move in moves)

    def taken(self) -> list[Take]:
        """The records that consumers were given in this run."""
        return self.crew.takes.since(self._takes)

    def taken_twice(self) -> dict[tuple[str, int, int], list[int]]:
        """Topic, partition and offset of those that were given more than once -> to which processes."""
        return self.crew.takes.twice(self._takes)

    def pauses(self) -> int:
        """How often a consumer has paused its partitions in this run."""
        return self.crew.takes.pauses(self._takes)

    def states(self) -> dict[str, int]:
        """How many notifications of this run are in each state."""
        return self.ledger.states(list(self.loads.asked))

    def open(self) -> int:
        """How many have not ended, or are not even planned."""
        states = self.states()
        return len(self.loads.asked) - sum(states.get(state, 0) for state in ENDED)

    # For the runner

    def play(self) -> Result:
        """All of it. Raises `Disturbed`."""
        self._begin()
        try:
            self.fault.act(self)
        finally:
            self._heal()
        self.crew.forget_points()
        self.crew.employ((*ROSTER, SWEEPER) if self.sweeper else ROSTER)
        healed = bootstrap.now()
        left: list[str] = []
        if self.sweeper:
            self._rest(healed, patient=True)
        else:
            self._rest(healed, patient=False)
            left = [row.id for row in self.ledger.rows(list(self.loads.asked)) if row.state not in ENDED]
            breaches = self._passed_unfinished() if left else []
            if left or self.open():
                self.crew.employ((*ROSTER, SWEEPER))
                self._rest(bootstrap.now(), patient=True)
        recovered = self._last_end(healed)
        self._aftermath()
        verdict = self._judge()
        if left:
            for breach in breaches:
                verdict.broken("I5", breach)
            if not self.may_leave:
                verdict.broken("I1", f"without the sweeper {len(left)} stand still for ever, such as {left[0]}")
        return Result(
            fault=self.fault.number,
            sweeper=self.sweeper,
            variant="" if self.variant is None else str(self.variant),
            verdict=verdict,
            kills=self.crew.kills + self.services.kills - self._kills,
            deaths_by_themselves=self._own_deaths(),
            left_to_sweeper=left,
            recover=recovered,
            seconds=time.monotonic() - self._began,
            notes=self.notes,
        )

    def _begin(self) -> None:
        self.crew.employ((*ROSTER, SWEEPER) if self.sweeper else ROSTER)
        self.resume()
        self._warm_cache()
        self.wait_for(
            lambda: len(shares := self.services.shares()) == CONSUMERS and all(shares), "both consumers at work"
        )

    def _heal(self) -> None:
        self.crew.thaw()
        self.crew.consumer_settings = {}
        self.services.heal()
        self.reconnect()

    def _warm_cache(self) -> None:
        """Without a sweeper what the run before has left cold stays so, and Redis would have no part in this one."""
        staging = bootstrap.staging()
        try:
            if staging.is_cold():
                staging.clear()
                staging.warm()
        finally:
            staging.close()

    def _rest(self, since: datetime, *, patient: bool) -> None:
        """Until all has ended. Impatient: or until nothing has moved for a while."""
        deadline = time.monotonic() + REST
        last, moved = None, time.monotonic()
        while time.monotonic() < deadline:
            self._look_for_hopeless()
            with suppress(psycopg.OperationalError):
                self.resume()
                if not self.open():
                    return
                last_due = self.loads.last_due or since
                states = (self.states(), self.provider.number(), self._moves())
                if states != last or bootstrap.now() < last_due:
                    last, moved = states, time.monotonic()
                elif not patient and time.monotonic() - moved > STILL:
                    return
            time.sleep(TICK)

    def _moves(self) -> int:
        """How many there were: whoever is put off again and again is not standing still."""
        asked = """
            SELECT count(*) FROM moves m JOIN notifications n ON n.id = m.notification_id WHERE n.user_id = ANY(%s)
        """
        return int(self.ledger.ask(asked, list(self.loads.asked))[0][0])

    def _aftermath(self) -> None:
        if not self.after or self.open():
            return
        begins = bootstrap.now() + timedelta(seconds=LEAD)
        self.loads.enter(self.after, begins=begins, seconds=0.5, hook=self.services.hook, dice=self.dice)
        self._calm.append((begins - timedelta(seconds=1), begins + timedelta(seconds=2)))
        self._rest(begins, patient=True)

    def _last_end(self, healed: datetime) -> float:
        """Seconds from the healing to the last end; an end before it needed no time to recover."""
        ends = [row.ended_at for row in self.ledger.rows(list(self.loads.asked)) if row.ended_at]
        due = self.loads.last_due or healed
        return max(0.0, (max(ends, default=healed) - max(healed, due)).total_seconds())

    def _judge(self) -> Verdict:
        users = list(self.loads.asked)
        if not users:
            raise Disturbed("the fault entered nobody")
        rows, requests = self.ledger.rows(users), self.requests()
        others = self._of_other_runs({request.id for request in requests} - {row.id for row in rows})
        sums = evidence(users=users)
        names = ("planned", "completed", "failed", "cancelled", "open", "duplicates", "unaccounted")
        case = Case(
            asked={str(user): str(channel) for user, channel in self.loads.asked.items()},
            rows=rows,
            moves=self.ledger.moves(users),
            requests=[request for request in requests if request.id not in others],
            attempts=int(TIMES["RETRY_ATTEMPTS"]),
            send_timeout=timedelta(seconds=float(TIMES["SEND_TIMEOUT_SECONDS"])),
            punctual=PUNCTUAL,
            calm=self._calm,
            evidence={name: getattr(sums, name) for name in names},
        )
        verdict = judge(case)
        for text in self._cache_differs():
            verdict.broken("I6", text)
        for holds, what in self._musts:
            if not holds(verdict):
                verdict.broken("must", what)
        for check in self.checks:
            check(verdict)
        return verdict

    def _of_other_runs(self, ids: set[str]) -> set[str]:
        """Those that the ledger knows: what a run that was disturbed has left goes out in the next one."""
        known = self.ledger.ask("SELECT id::text FROM notifications WHERE id::text = ANY(%s)", sorted(ids))
        return {key for (key,) in known}

    def _cache_differs(self) -> list[str]:
        """At rest the due indexes are empty; a cold cache claims nothing."""
        staging = bootstrap.staging()
        try:
            if self.open() or staging.is_cold():
                return []
            deadline = time.monotonic() + CACHE_LAGS
            while any(staging.due_sizes().values()) and time.monotonic() < deadline:
                time.sleep(TICK)
            sizes = staging.due_sizes()
            return [f"at rest, {count} wait in the index {name}" for name, count in sizes.items() if count]
        finally:
            staging.close()

    def _passed_unfinished(self) -> list[str]:
        """PENDING rows whose record the consumers have committed past: nobody will see them again."""
        from healthnotify.adapters.kafka import KafkaRoad

        rows = [row for row in self.ledger.rows(list(self.loads.asked)) if row.state == "PENDING"]
        places = {
            row.id: Position(row.topic, row.partition, row.offset)
            for row in rows
            if row.topic == Topic.DAILY and row.partition is not None and row.offset is not None
        }
        road = KafkaRoad(bootstrap.kafka(), clock=bootstrap.now)
        try:
            passed = road.passed(list(places.values())) if places else set()
        finally:
            road.close()
        return [f"{key} is PENDING, and its record is committed past" for key, at in places.items() if at in passed]

    def _look_for_hopeless(self) -> None:
        """A worker that ends by itself again and again has a defect that no fault of ours explains."""
        ends = self._own_deaths()
        if len(ends) > MOST_DEATHS:
            raise Disturbed(f"{ends[-1]}, {len(ends)} such ends in all; its log is in {self.services.directory}")

    def _own_deaths(self) -> list[str]:
        return [
            f"{death.label} ended by itself with code {death.code}"
            for death in self.crew.deaths[self._deaths :]
            if death.cause == "by itself"
        ]
