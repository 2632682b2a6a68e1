"""What a search is about: the channel's promise, the bounds, which faults may happen; and the switches of mutants."""

from dataclasses import dataclass

from healthnotify.domain.routing import Promise
from tests.model.world import (
    ACCEPTED,
    DAILY,
    EARLY,
    IN_TIME,
    PENDING,
    PERMANENT,
    STAGED,
    TRANSIENT,
    Member,
    Redis,
    Row,
    World,
)

#: Each costs one of the scenario's faults.
CRASH = "crash"  #: a process is killed between two steps; another takes its place with nothing in its memory
REBALANCE = "rebalance"  #: the topic goes to another consumer; the old one works on what it holds
LEASE = "lease"  #: the lease ends while its holder lives
REPORT = "report"  #: a record is there, but its delivery report is lost
REPLY = "reply"  #: PostgreSQL's COMMIT took effect, but its reply is lost
ANSWER = "answer"  #: the provider's answer is lost, whether it accepted or not
FLUSH = "flush"  #: Redis is emptied
ROLLBACK = "rollback"  #: Redis is back at what it held in the beginning, as another run of the server
KILLS = "kills"  #: from now on records kill whoever reads them; after three deaths they are buried unread
ALL_FAULTS = frozenset({CRASH, REBALANCE, LEASE, REPORT, REPLY, ANSWER, FLUSH, ROLLBACK})


@dataclass(frozen=True)
class Protocol:
    """The protocol; the first switches are rules that it keeps, each other one breaks a rule of it."""

    asks_again_when_fenced: bool = False  #: a record whose outcome came too late is asked for again, not finished
    remembers_doubt: bool = False  #: a claim that took over stays ambiguous however often it is asked for
    looks_again: bool = False  #: the expiry is looked at right before the send, too

    commits_before_outcome: bool = False
    moves_before_report: bool = False
    fails_before_dead_letter: bool = False
    skips_busy: bool = False
    fences_nothing: bool = False
    publishes_without_comparing: bool = False
    lease_shorter_than_send: bool = False
    leaves_due_index: bool = False
    success_needs_lease: bool = False
    sweeps_what_is_queued: bool = False
    finishes_before_decision: bool = False
    resends_ambiguous_text: bool = False
    retries_unknown_text: bool = False
    claims_in_memory_only: bool = False
    claims_without_attempt: bool = False
    returns_before_record: bool = False
    hands_over_before_report: bool = False
    shrugs_at_missing: bool = False
    commits_the_highest: bool = False
    new_id_each_attempt: bool = False
    never_catches_up: bool = False
    looks_at_no_clock: bool = False
    takes_silence_for_success: bool = False
    leaves_what_is_buried: bool = False
    brings_back_what_is_buried: bool = False


#: The first three are what the model found to be missing; the code has them since.
AS_CODED = Protocol(remembers_doubt=True, asks_again_when_fenced=True, looks_again=True)


@dataclass(frozen=True)
class Scenario:
    """Where a search begins and how far it may go."""

    name: str
    promise: Promise = Promise.ONE_EXTRA
    notifications: int = 1
    tries: int = 2
    outcomes: tuple[str, ...] = (ACCEPTED, TRANSIENT, PERMANENT)
    faults: int = 2
    kinds: frozenset[str] = ALL_FAULTS
    sweeps: bool = False
    expires: bool = False
    redrives: int = 0
    deferrals: int = 0
    withholds: bool = False  #: the last look may find a reason not to send at all
    early: bool = False  #: begins before the send time
    on_the_road: bool = False  #: begins with the first records announced
    unknown_id: bool = False  #: the last record names an id that PostgreSQL does not know
    most_records: int = 0  #: a topic that was given more has been flooded; 0: not counted
    cached: bool = False  #: producers read Redis; else it is cold all the time, and they read PostgreSQL
    exact: bool = False  #: every offset, every commit: nothing is reduced (`reduction`)

    def beginning(self) -> World:
        """The first state."""
        from tests.model.cache import entry_of

        count = self.notifications
        row = Row(PENDING, place=(DAILY, 0)) if self.on_the_road else Row(STAGED)
        rows: list[Row | None] = [row._replace(place=(DAILY, n)) if row.place else row for n in range(count)]
        if self.unknown_id:
            rows[-1] = None
        return World(
            rows=tuple(rows),
            redis=Redis(self.cached, tuple(entry_of(row) if row and self.cached else None for row in rows)),
            members=(Member(),),
            daily=tuple((n, 1) for n in range(count)) if self.on_the_road else (),
            accepted=((),) * count,
            windows=(0,) * count,
            buried=(False,) * count,
            clock=EARLY if self.early else IN_TIME,
            faults=self.faults,
            events=(self.redrives, self.deferrals),
        )
