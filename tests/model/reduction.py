"""Which states are as good as each other: what nobody can see any more is put away, so that searches end.

Each rule drops a step that changes nothing outside of its own process whenever it is made, or a record whose claim
would answer STALE or TERMINAL for ever. Offsets are never committed in so many words: a group that is taken over begins
at the lowest unfinished offset, or at the first record that still means something, whichever is worse.

A scenario that is `exact` does without all this. `test_reductions_change_no_verdict` compares the two.
"""

# ruff: noqa: PLR0911 - the rules, one by one

from healthnotify.domain.routing import Promise
from tests.model.consumer import fenced
from tests.model.progress import GONE
from tests.model.scenarios import Protocol, Scenario
from tests.model.world import (
    ACCEPTED,
    ANNOUNCE,
    ASK,
    CANCELLED,
    COMPLETED,
    DAILY,
    DECIDE,
    DONE,
    ENDED,
    FAILED,
    GIVE_UP,
    IDLE,
    PENDING,
    REBUILD,
    RECORD,
    REST,
    RETRY,
    RETURN,
    SETTLE,
    STAGED,
    TELL,
    WAIT,
    Errand,
    Job,
    Member,
    Redis,
    Row,
    World,
)

Log = tuple[tuple[int, int], ...]


def settled(w: World, s: Scenario, p: Protocol) -> World:
    """After what concerns nobody but the process itself: records are read as soon as they are there (unread or read
    and untouched are the same to everybody else), and what is done with is put away."""
    if s.exact:
        return _everybody_reads(w)
    daily, daily_places = _alive(w.daily, w, _daily_is_dead)
    retry, retry_places = _alive(w.retry, w, _retry_is_dead)
    members = tuple(_tidy(one, daily_places, w, s, p, owner=i == 0) for i, one in enumerate(w.members))
    decider = _tidy(w.decider, retry_places, w, s, p, owner=True)
    w = w._replace(
        daily=daily,
        retry=retry,
        members=(members[0], *(one for one in members[1:] if one.jobs)),
        decider=decider,
        producers=(_errand(w.producers[0], w, s, p), _errand(w.producers[1], w, s, p)),
        sweeper=_sweeping(w.sweeper, w, s),
        rows=tuple(_row(row, w, s, (daily_places, retry_places)) for row in w.rows),
        redis=_redis(w, s),
    )
    if s.promise is Promise.CONSTANT_ID:
        w = w._replace(accepted=tuple(tuple(sorted(set(keys))) for keys in w.accepted))
    if s.promise is not Promise.ONE_EXTRA:
        w = w._replace(windows=(0,) * len(w.windows))
    return _everybody_reads(w)


def _everybody_reads(w: World) -> World:
    owner, decider = _read(w.members[0], w.daily, ASK), _read(w.decider, w.retry, DECIDE)
    if owner is w.members[0] and decider is w.decider:
        return w
    return w._replace(members=(owner, *w.members[1:]), decider=decider)


def _read(member: Member, log: Log, step: str) -> Member:
    if member.next >= len(log):
        return member
    new = tuple(Job(offset, *log[offset], step) for offset in range(member.next, len(log)))
    return member._replace(next=len(log), jobs=member.jobs + new)


def _alive(log: Log, w: World, is_dead) -> tuple[Log, dict[int, int]]:
    """The log without its dead records, and where the others lie now."""
    places: dict[int, int] = {}
    alive = []
    for offset, record in enumerate(log):
        row = w.rows[record[0]]
        if row is None or not is_dead(row, record[1]):
            places[offset] = len(alive)
            alive.append(record)
    return tuple(alive), places


def _daily_is_dead(row: Row, attempt: int) -> bool:
    """Whether its claim will answer STALE or TERMINAL for ever."""
    if row.state in ENDED or attempt < row.attempt:
        return True
    return attempt == row.attempt and not (row.state == PENDING and row.claim)


def _retry_is_dead(row: Row, attempt: int) -> bool:
    """Whether nothing can be undecided about it any more."""
    if row.state in ENDED or attempt < row.attempt or row.state == STAGED:
        return True
    return row.due if row.state == RETRY else not row.claim


def _tidy(member: Member, places: dict[int, int], w: World, s: Scenario, p: Protocol, *, owner: bool) -> Member:
    jobs = []
    for one in member.jobs:
        job = _fenced(one, w, p)
        if _is_done(job, w, s, p, is_dead=job.offset not in places):
            continue
        offset = places.get(job.offset, GONE) if owner else GONE
        jobs.append(job if job.offset == offset else job._replace(offset=offset))
    jobs.sort(key=lambda job: job[:7])
    unread = sum(1 for offset in places if offset >= member.next) if owner else 0
    return Member(next=len(places) - unread if owner else 0, jobs=tuple(jobs))


def _is_done(job: Job, w: World, s: Scenario, p: Protocol, *, is_dead: bool) -> bool:
    row = w.rows[job.n]
    if job.step == DONE or (job.step == TELL and not s.cached):
        return True
    if row is None:
        return False
    if job.step in (ASK, DECIDE):
        return _means_nothing(job, row, is_dead=is_dead)
    if job.step in (WAIT, GIVE_UP):
        undecided = row.state == RETRY and row.attempt == job.attempt and not row.due
        return not undecided and job.news is None and not p.fails_before_dead_letter
    if job.step == SETTLE and job.outcome == ACCEPTED:
        return row.state == COMPLETED or (row.state == FAILED and row.late)
    if job.step == TELL:
        return row.state in ENDED and _is_closed(row, w, s)
    return job.step == RETURN and row.claim != job.claim and not (p.fences_nothing or p.hands_over_before_report)


def _fenced(job: Job, w: World, p: Protocol) -> Job:
    """An outcome that the ledger will not take any more."""
    row = w.rows[job.n]
    unwanted = job.step == SETTLE and job.outcome != ACCEPTED and row is not None and row.claim != job.claim
    return fenced(job, p) if unwanted and not (p.fences_nothing or p.hands_over_before_report) else job


def _is_closed(row: Row, w: World, s: Scenario) -> bool:
    """Whether nothing about it can matter any more but copies that are still on their way."""
    return not s.most_records and (row.state in (COMPLETED, CANCELLED) or (row.state == FAILED and not w.events[0]))


def _means_nothing(job: Job, row: Row, *, is_dead: bool) -> bool:
    """Its place on the road may be gone while the row still waits: only for an old consumer's."""
    if job.step == ASK:
        return _daily_is_dead(row, job.attempt)
    return is_dead and _retry_is_dead(row, job.attempt)


def _errand(errand: Errand, w: World, s: Scenario, p: Protocol) -> Errand:
    """A producer's."""
    row = w.rows[errand.n]
    if errand.step == TELL and (not s.cached or (row is not None and _is_closed(row, w, s))):
        return REST
    if errand.step == IDLE or row is None or p.moves_before_report or p.publishes_without_comparing:
        return errand
    if errand.step == ANNOUNCE and _daily_is_dead(row, errand.attempt):
        return errand._replace(step=TELL, offset=None) if s.cached else REST
    if errand.step == RECORD and (row.state in ENDED or row.attempt + 1 != errand.attempt):
        return errand._replace(step=TELL, offset=None) if s.cached else REST
    return errand if s.sweeps or errand.offset is None else errand._replace(offset=0)


def _sweeping(errand: Errand, w: World, s: Scenario) -> Errand:
    """The sweeper's: what it announces may be dead by then."""
    row = w.rows[errand.n]
    if errand.step == REBUILD:
        seen = zip(errand.seen, w.rows, strict=True)
        return errand._replace(seen=tuple(None if now and _is_closed(now, w, s) else was for was, now in seen))
    if row is None or s.most_records or errand.step == IDLE:
        return errand
    if errand.step == TELL:
        return REST if _is_closed(row, w, s) else errand
    is_dead = _daily_is_dead if errand.topic == DAILY else _retry_is_dead
    return REST if is_dead(row, errand.attempt) else errand


def _redis(w: World, s: Scenario) -> Redis:
    closed = [row is not None and _is_closed(row, w, s) for row in w.rows]
    if not (s.cached and any(closed)):
        return w.redis
    pairs = zip(w.redis.entries, closed, strict=True)
    return w.redis._replace(entries=tuple(None if is_closed else entry for entry, is_closed in pairs))


def _row(row: Row | None, w: World, s: Scenario, places: tuple[dict[int, int], dict[int, int]]) -> Row | None:
    if row is None:
        return None
    if _is_closed(row, w, s):
        return Row(row.state, late=row.late)
    if row.place is None or row.place[1] == GONE:
        return row
    if not s.sweeps:
        return row._replace(place=("daily", GONE))
    topic, offset = row.place
    return row._replace(place=(topic, places[0 if topic == "daily" else 1].get(offset, GONE)))
