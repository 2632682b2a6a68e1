"""The retry consumer: what follows a failed try; and the producers, who announce what is due."""

# ruff: noqa: PLR0917 - the steps all take the same: the world, the rules, who, which record

from collections.abc import Iterator

from tests.model import ledger
from tests.model.cache import drop, latest, news_of, told, waits
from tests.model.consumer import FAULT, FREE, Step
from tests.model.scenarios import REPLY, REPORT, Protocol, Scenario
from tests.model.world import (
    ANNOUNCE,
    BURY,
    CANCEL,
    DAILY,
    DECIDE,
    DEFERRED,
    DONE,
    EARLY,
    END,
    EXPIRED,
    GIVE_UP,
    IDLE,
    PERMANENT,
    RECORD,
    REST,
    RETRIES,
    RETRY,
    TELL,
    UNKNOWN,
    WAIT,
    Errand,
    Job,
    Row,
    World,
    append,
    bury,
    is_being_recorded,
    set_job,
    set_row,
)

ME = "retry consumer"
WAITS_AS = {DAILY: "STAGED", RETRIES: RETRY}


def deciding(w: World, s: Scenario, p: Protocol) -> Iterator[Step]:
    """What the retry consumer may do next with any record it holds."""
    for i, job in enumerate(w.decider.jobs):
        row = w.rows[job.n]
        assert row is not None
        if job.step == DECIDE:
            yield from _unread(w, i, job) if w.deadly else (_decide(w, s, p, i, job, row),)
        elif job.step == END:
            yield from _recorded(w, s, i, job, "end", ledger.end_unread(row, RETRIES, job.offset, p))
        elif job.step == WAIT:
            yield from _recorded(w, s, i, job, "wait", ledger.wait(row, job.attempt))
        elif job.step == CANCEL:
            yield from _recorded(w, s, i, job, "cancel", ledger.cancel(row))
        elif job.step == BURY:
            yield from _bury(w, p, i, job)
        elif job.step == GIVE_UP:
            yield from _give_up(w, s, p, i, job, row)
        elif job.step == TELL:
            label = (ME, "follow", job.n, job.news and job.news.state, None)
            yield label, FREE, set_job(told(w, job.n, job.news), -1, i, job._replace(step=DONE))


def _unread(w: World, i: int, job: Job) -> Iterator[Step]:
    """As the consumer's."""
    if not is_being_recorded(w, job.n):
        after = set_job(bury(w, job.n), -1, i, job._replace(step=END))
        yield (ME, "bury", job.n, None, "dead-letter"), FREE, after


def _decide(w: World, s: Scenario, p: Protocol, i: int, job: Job, row: Row) -> Step:
    """Catches up with a consumer that died, reads what is undecided, and decides by the policy."""
    after = row if p.never_catches_up else ledger.catch_up(row, job.attempt)
    waiting = ledger.is_undecided(after, job.attempt)
    news = news_of(after) if after is not row else None
    step = _decision(after, w, s, p) if waiting else (TELL if news else DONE)
    label = (ME, "undecided", job.n, job.attempt, waiting)
    return label, FREE, set_job(set_row(w, job.n, after), -1, i, job._replace(step=step, news=news))


def _decision(row: Row, w: World, s: Scenario, p: Protocol) -> str:
    spent = row.failure != DEFERRED and row.attempt - row.uncounted >= s.tries
    if row.failure in (PERMANENT, UNKNOWN) or spent:
        return GIVE_UP if p.fails_before_dead_letter else BURY
    return CANCEL if w.clock == EXPIRED else WAIT


def _recorded(w: World, s: Scenario, i: int, job: Job, what: str, after: Row) -> Iterator[Step]:
    row = w.rows[job.n]
    moved = after is not row
    news = news_of(after) if moved else job.news
    changed = set_row(w, job.n, after)
    told_next = job._replace(step=TELL if news else DONE, news=news)
    yield (ME, what, job.n, job.attempt, moved), FREE, set_job(changed, -1, i, told_next)
    if w.faults and REPLY in s.kinds and moved:
        again = job._replace(step=DECIDE, news=None)
        yield (ME, f"{what} unheard", job.n, job.attempt, moved), FAULT, set_job(changed, -1, i, again)


def _bury(w: World, p: Protocol, i: int, job: Job) -> Iterator[Step]:
    step = TELL if p.fails_before_dead_letter else GIVE_UP
    after = set_job(bury(w, job.n), -1, i, job._replace(step=step))
    yield (ME, "announce", job.n, job.attempt, "dead-letter"), FREE, after


def _give_up(w: World, s: Scenario, p: Protocol, i: int, job: Job, row: Row) -> Iterator[Step]:
    after = ledger.give_up(row, job.attempt)
    if not p.fails_before_dead_letter:
        yield from _recorded(w, s, i, job, "give_up", after)
        return
    next_one = job._replace(step=BURY, news=news_of(after))
    label = (ME, "give_up", job.n, job.attempt, True)
    yield label, FREE, set_job(set_row(w, job.n, after), -1, i, next_one)


def publishing(w: World, s: Scenario, p: Protocol) -> Iterator[Step]:
    """What the two producers may do next."""
    for which, index in enumerate((DAILY, RETRIES)):
        errand = w.producers[which]
        name = "producer" if which == 0 else "republisher"
        if errand.step == IDLE:
            yield from _due(w, p, which, index, name)
        elif errand.step == ANNOUNCE:
            yield from _announce(w, s, p, which, errand, name)
        elif errand.step == RECORD:
            yield from _publish(w, s, p, which, errand, name)
        elif errand.step == CANCEL:
            row = w.rows[errand.n]
            assert row is not None
            after = ledger.cancel(row)
            next_one = errand._replace(step=TELL, news=news_of(after))
            yield (name, "cancel", errand.n, errand.attempt, after is not row), FREE, _with(
                set_row(w, errand.n, after), which, next_one
            )
        elif errand.step == TELL:
            yield _tell(w, p, which, errand, name)


def _due(w: World, p: Protocol, which: int, index: str, name: str) -> Iterator[Step]:
    """From Redis; from PostgreSQL while that is cold."""
    if w.clock == EARLY and index == DAILY:
        return
    for n, row in enumerate(w.rows):
        cached = w.redis.entries[n]
        if not w.redis.warm:
            found = row.attempt if row is not None and waits(row, index) else None
        elif cached is None or cached.index != index:
            continue
        elif cached.state != WAITS_AS[index]:
            yield (name, "drop", n, index, None), FREE, w._replace(redis=drop(w.redis, n))
            continue
        else:
            found = cached.attempt
        if found is not None:
            first = RECORD if p.moves_before_report else ANNOUNCE
            step = CANCEL if w.clock == EXPIRED else first
            errand = Errand(step=step, n=n, topic=index, attempt=found + 1)
            yield (name, "due", n, found + 1, index), FREE, _with(w, which, errand)


def _announce(w: World, s: Scenario, p: Protocol, which: int, errand: Errand, name: str) -> Iterator[Step]:
    longer, offset = append(w, DAILY, errand.n, errand.attempt)
    step = TELL if p.moves_before_report else RECORD
    after = _with(longer, which, errand._replace(step=step, offset=offset))
    yield (name, "announce", errand.n, errand.attempt, DAILY), FREE, after
    if w.faults and REPORT in s.kinds:
        yield (name, "announce unheard", errand.n, errand.attempt, DAILY), FAULT, _with(longer, which, REST)


def _publish(w: World, s: Scenario, p: Protocol, which: int, errand: Errand, name: str) -> Iterator[Step]:
    row = w.rows[errand.n]
    if row is None:  # of an id that PostgreSQL does not know: nothing is changed
        yield (name, "published", errand.n, errand.attempt, False), FREE, _with(w, which, REST)
        return
    after = ledger.published(row, errand.topic, errand.attempt, errand.offset, p)
    changed, moved = set_row(w, errand.n, after), after is not row
    news = news_of(after)._replace(attempt=errand.attempt) if moved else None
    step = ANNOUNCE if p.moves_before_report else TELL
    next_one = errand._replace(step=step, news=news)
    yield (name, "published", errand.n, errand.attempt, moved), FREE, _with(changed, which, next_one)
    if w.faults and REPLY in s.kinds and moved:
        yield (name, "published unheard", errand.n, errand.attempt, moved), FAULT, _with(changed, which, REST)


def _tell(w: World, p: Protocol, which: int, errand: Errand, name: str) -> Step:
    """What would not move has moved already: the cache hears of the last recorded move instead."""
    row = w.rows[errand.n]
    news = errand.news or (latest(row) if row is not None else None)
    after = w if p.leaves_due_index else told(w, errand.n, news)
    return (name, "follow", errand.n, news and news.state, None), FREE, _with(after, which, REST)


def _with(w: World, which: int, errand: Errand) -> World:
    return w._replace(producers=(errand, w.producers[1]) if which == 0 else (w.producers[0], errand))
