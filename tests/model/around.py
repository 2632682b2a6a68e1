"""The sweeper, and what befalls everybody: time, crashes, losses, the operator."""

from collections.abc import Iterator

from tests.model import ledger
from tests.model.cache import emptied, entry_of, latest, news_of, put, told
from tests.model.consumer import EVENT, FAULT, FREE, Step
from tests.model.progress import reached
from tests.model.scenarios import CRASH, FLUSH, KILLS, LEASE, REBALANCE, REPORT, ROLLBACK, Protocol, Scenario
from tests.model.world import (
    ACCEPTED,
    ANNOUNCE,
    CANCELLED,
    DAILY,
    EARLY,
    EXPIRED,
    IDLE,
    IN_TIME,
    PENDING,
    RAN_OUT,
    REBUILD,
    RECORD,
    REST,
    RETRIES,
    RETRY,
    RUNS,
    SEND,
    SETTLE,
    STAGED,
    TELL,
    Errand,
    Member,
    Redis,
    Row,
    World,
    append,
    holders,
    raised,
    set_row,
)

ME = "sweeper"
OPEN = (STAGED, PENDING, RETRY)


def sweeping(w: World, s: Scenario, p: Protocol) -> Iterator[Step]:
    """What the sweeper may do next: one of its acts, or the next step of the one it has begun."""
    errand = w.sweeper
    if errand.step == IDLE:
        yield from _expire(w)
        if s.cached:
            yield from _mend_cache(w)
        for n, row in enumerate(w.rows):
            if row is not None:
                yield from _look(w, s, p, n, row)
    elif errand.step == REBUILD:
        yield (ME, "put and warm", 0, None, None), FREE, _rebuilt(w, errand)
    elif errand.step == ANNOUNCE:
        longer, offset = append(w, errand.topic, errand.n, errand.attempt)
        after = longer._replace(sweeper=errand._replace(step=RECORD, offset=offset))
        yield (ME, "announce", errand.n, errand.attempt, errand.topic), FREE, after
        if w.faults and REPORT in s.kinds:
            yield (ME, "announce unheard", errand.n, errand.attempt, errand.topic), FAULT, longer._replace(sweeper=REST)
    elif errand.step == RECORD:
        row = w.rows[errand.n]
        after = ledger.swept(row, errand.topic, errand.offset)
        yield (ME, "swept", errand.n, errand.attempt, after is not row), FREE, set_row(
            w._replace(sweeper=REST), errand.n, after
        )
    elif errand.step == TELL:
        then = errand._replace(step=ANNOUNCE, news=None) if errand.attempt else REST  # a redrive goes on the road
        after = told(w, errand.n, errand.news)._replace(sweeper=then)
        yield (ME, "follow", errand.n, errand.news.state, None), FREE, after


def _expire(w: World) -> Iterator[Step]:
    if w.clock != EXPIRED:
        return
    for n, row in enumerate(w.rows):
        after = row and ledger.expire(row)
        if after is not None and after is not row:
            errand = Errand(TELL, n, news=news_of(after))
            yield (ME, "expire", n, CANCELLED, True), FREE, set_row(w, n, after)._replace(sweeper=errand)


def _mend_cache(w: World) -> Iterator[Step]:
    if not w.redis.warm:
        cleared = emptied(w.redis)._replace(marked=True)
        yield (ME, "clear and read", 0, None, None), FREE, w._replace(
            redis=cleared, sweeper=Errand(REBUILD, seen=w.rows)
        )
        return
    for n, row in enumerate(w.rows):
        late = row is not None and ((row.state == STAGED and w.clock != EARLY) or row.due)
        after = put(w.redis, n, row) if late else w.redis
        if after != w.redis:
            yield (ME, "put overdue", n, row.state, None), FREE, w._replace(redis=after)


def _rebuilt(w: World, errand: Errand) -> World:
    """Warm only if Redis was not lost again meanwhile."""
    redis = w.redis
    for n, row in enumerate(errand.seen):
        if row is not None and row.state in OPEN:
            redis = put(redis, n, row)
    return w._replace(redis=redis._replace(warm=redis.marked, marked=False), sweeper=REST)


def _look(w: World, s: Scenario, p: Protocol, n: int, row: Row) -> Iterator[Step]:
    """What stands still and no consumer will see any more; what an operator brought back."""
    if row.state == PENDING and row.place is None and not row.claim:
        news = latest(row)._replace(attempt=row.attempt, back=True)
        errand = Errand(TELL, n, DAILY, row.attempt + 1, news=news)
        yield (ME, "redriven", n, row.attempt + 1, DAILY), FREE, w._replace(sweeper=errand)
        return
    if any(job.n == n for job in w.decider.jobs) or any(one.step and one.n == n for one in w.producers):
        return  # somebody has it in hand: it does not stand still for minutes
    still = (row.state == PENDING and row.lease != RUNS) or (row.state == RETRY and not row.due)
    if not still or not (row.place is None or p.sweeps_what_is_queued or _is_passed(w, s, p, row.place)):
        return
    if row.failure:
        errand = Errand(ANNOUNCE, n, RETRIES, row.attempt)
    elif row.state == PENDING:
        errand = Errand(ANNOUNCE, n, DAILY, row.attempt + (0 if row.claim else 1))
    else:
        return
    yield (ME, "still", n, errand.attempt, errand.topic), FREE, w._replace(sweeper=errand)


def _is_passed(w: World, s: Scenario, p: Protocol, place: tuple[str, int]) -> bool:
    topic, offset = place
    if s.exact:
        return w.committed[0 if topic == DAILY else 1] > offset
    return reached(w.members[0] if topic == DAILY else w.decider, p) > offset


def happening(w: World, s: Scenario, p: Protocol) -> Iterator[Step]:
    """Time goes by, offsets are committed, operators act, and things break."""
    yield from _time(w, s, p)
    yield from _operator(w)
    if w.faults:
        yield from _crashes(w, s, p)
        yield from _losses(w, s)
        if KILLS in s.kinds and not w.deadly:
            yield ("everybody", "cannot read it", 0, None, None), FAULT, w._replace(deadly=True)


def _time(w: World, s: Scenario, p: Protocol) -> Iterator[Step]:
    if w.clock == EARLY:
        yield ("time", "reaches the send time", 0, None, None), FREE, w._replace(clock=IN_TIME)
    if s.expires and w.clock == IN_TIME:
        yield ("time", "reaches the expiry", 0, None, None), EVENT, w._replace(clock=EXPIRED)
    for n, row in enumerate(w.rows):
        if row is None or row.lease != RUNS or (row.failure and not s.sweeps):
            continue
        alive = holders(w, n, row.claim)
        ended = set_row(w, n, row._replace(lease=RAN_OUT))
        if not alive or p.lease_shorter_than_send:
            yield ("time", "ends the lease", n, row.attempt, False), FREE, ended
        elif w.faults and LEASE in s.kinds:
            hit = ended._replace(windows=raised(w.windows, n)) if _in_window(w, n, row.claim) else ended
            yield ("time", "ends the lease", n, row.attempt, True), FAULT, hit


def _in_window(w: World, n: int, claim: int) -> bool:
    jobs = [job for member in w.members for job in member.jobs if job.n == n and job.claim == claim]
    return any(job.step == SEND or (job.step == SETTLE and job.outcome == ACCEPTED) for job in jobs)


def _operator(w: World) -> Iterator[Step]:
    if not w.events[0]:
        return
    for n, row in enumerate(w.rows):
        after = row and ledger.redrive(row)
        if after is not None and after is not row:
            left = (w.events[0] - 1, w.events[1])
            mended = set_row(w, n, after)._replace(events=left, deadly=False)
            yield ("operator", "redrive", n, after.attempt, None), EVENT, mended


def _crashes(w: World, s: Scenario, p: Protocol) -> Iterator[Step]:
    if CRASH in s.kinds:
        yield from _readers_die(w, s, p)
        for which, errand in enumerate(w.producers):
            if errand.step != IDLE:
                left = (REST, w.producers[1]) if which == 0 else (w.producers[0], REST)
                name = "producer" if which == 0 else "republisher"
                yield (name, "is killed", 0, None, None), FAULT, w._replace(producers=left)
        if w.sweeper.step != IDLE:
            yield (ME, "is killed", 0, None, None), FAULT, w._replace(sweeper=REST)
    if REBALANCE in s.kinds and len(w.members) == 1 and w.members[0].jobs:
        for place in _places(w, s, p, w.members[0], 0):
            members = (Member(next=place), w.members[0])
            yield ("consumer", "loses its partition", 0, place, None), FAULT, w._replace(members=members)


def _readers_die(w: World, s: Scenario, p: Protocol) -> Iterator[Step]:
    for who, member in enumerate(w.members):
        if member.jobs:
            name = "consumer" if who == 0 else "old consumer"
            for place in _places(w, s, p, w.members[0], 0) if who == 0 else (0,):
                yield (name, "is killed", 0, place, None), FAULT, _without(w, who, place)
    if w.decider.jobs:
        for place in _places(w, s, p, w.decider, 1):
            yield ("retry consumer", "is killed", 0, place, None), FAULT, w._replace(decider=Member(next=place))


def _places(w: World, s: Scenario, p: Protocol, member: Member, group: int) -> set[int]:
    """Where the group's next owner may begin."""
    return {w.committed[group]} if s.exact else {0, reached(member, p)}


def _without(w: World, who: int, place: int) -> World:
    windows = w.windows
    for job in w.members[who].jobs:
        if job.step == SEND or (job.step == SETTLE and job.outcome == ACCEPTED):
            windows = raised(windows, job.n)
    others = w.members[1:] if who == 0 else w.members[1:who] + w.members[who + 1 :]
    owner = Member(next=place) if who == 0 else w.members[0]
    return w._replace(members=(owner, *others), windows=windows)


def _losses(w: World, s: Scenario) -> Iterator[Step]:
    if not s.cached:
        return
    if FLUSH in s.kinds and w.redis != emptied(w.redis):
        yield ("Redis", "is emptied", 0, None, None), FAULT, w._replace(redis=emptied(w.redis))
    if ROLLBACK in s.kinds:
        before = Redis(False, tuple(entry_of(Row()) for _ in w.rows))
        if w.redis != before:
            yield ("Redis", "is rolled back", 0, None, None), FAULT, w._replace(redis=before)
