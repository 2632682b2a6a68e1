"""The consumer of the daily topic: claim, send, settle, each step one durable effect."""

# ruff: noqa: PLR0917 - the steps all take the same: the world, the rules, who, which record

from collections.abc import Callable, Iterator

from healthnotify.domain.delivery import Answer
from healthnotify.domain.routing import Promise
from tests.model import ledger
from tests.model.cache import news_of, told
from tests.model.scenarios import ANSWER, REPLY, REPORT, Protocol, Scenario
from tests.model.world import (
    ACCEPTED,
    ASK,
    BURY,
    DAILY,
    DEFERRED,
    DONE,
    EARLY,
    END,
    EXPIRED,
    HAND,
    IN_TIME,
    RAN_OUT,
    RETRIES,
    RETURN,
    SEND,
    SETTLE,
    TELL,
    TRANSIENT,
    UNKNOWN,
    WITHHELD,
    Job,
    World,
    append,
    bury,
    fresh_claim,
    is_being_recorded,
    raised,
    set_job,
    set_row,
)

#: (who, what, notification, and what else there is to say)
Label = tuple[str, str, int, object, object]
#: What was done, what it costs, and the world after it. Free steps happen by themselves sooner or later.
Step = tuple[Label, int, World]
FREE, FAULT, EVENT = 0, 1, 2
TAKEN = (Answer.CLAIMED, Answer.AMBIGUOUS)


def steps(w: World, s: Scenario, p: Protocol) -> Iterator[Step]:
    """What any consumer may do next with any record it holds."""
    for who, member in enumerate(w.members):
        name = "consumer" if who == 0 else "old consumer"
        for i, job in enumerate(member.jobs):
            deadly = w.deadly and who == 0 and job.step == ASK and w.rows[job.n] is not None
            yield from (_unread if deadly else ACTS[job.step])(w, s, p, who, i, job, name)


def _ask(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    row = w.rows[job.n]
    if row is None:
        step = DONE if p.shrugs_at_missing else BURY
        yield (name, "claim", job.n, job.attempt, Answer.MISSING), FREE, set_job(w, who, i, job._replace(step=step))
        return
    mine = job.claim or fresh_claim(w, job.n)
    answer, after = ledger.claim(row, job.attempt, mine, p)
    label = (name, "claim", job.n, job.attempt, answer)
    if answer is Answer.BUSY:
        if p.skips_busy:
            yield label, FREE, set_job(w, who, i, job._replace(step=DONE))
        elif s.exact:
            yield label, FREE, w  # it is parked: nothing changes until the lease ends
        return
    mine_now = job._replace(claim=mine)
    if answer in TAKEN:
        changed = set_row(w, job.n, after)
        looked = _looked(mine_now, answer, w, s, p)
        yield label, FREE, set_job(changed, who, i, looked)
        if looked.step == SEND:
            yield from _held_back(changed, s, who, i, looked, label)
        if w.faults and REPLY in s.kinds:
            yield (name, "claim unheard", job.n, job.attempt, answer), FAULT, set_job(changed, who, i, mine_now)
    elif answer is Answer.REPORTED:
        theirs = job._replace(step=SETTLE, claim=row.claim, outcome=row.failure)
        yield label, FREE, set_job(w, who, i, theirs)
    else:
        yield label, FREE, set_job(w, who, i, job._replace(step=DONE))
    if w.events[1] and answer is Answer.CLAIMED:
        yield from _put_off(w, who, i, mine_now, name)


def _looked(job: Job, answer: Answer, w: World, s: Scenario, p: Protocol) -> Job:
    """The last look, on what the claim has read."""
    if answer is Answer.AMBIGUOUS and s.promise is Promise.AT_MOST_ONCE and not p.resends_ambiguous_text:
        return job._replace(step=SETTLE, outcome=UNKNOWN)
    if w.clock == EXPIRED and not p.looks_at_no_clock:
        return job._replace(step=SETTLE, outcome=WITHHELD)
    if w.clock == EARLY and not p.looks_at_no_clock:
        return job._replace(step=SETTLE, outcome=DEFERRED)
    return job._replace(step=SEND)


def _held_back(w: World, s: Scenario, who: int, i: int, job: Job, label: Label) -> Iterator[Step]:
    """Other findings of the last look: quiet hours, or a reason never to send it."""
    if s.withholds:
        yield label, EVENT, set_job(w, who, i, job._replace(step=SETTLE, outcome=WITHHELD))
    if w.events[1]:
        less = w._replace(events=(w.events[0], w.events[1] - 1))
        yield label, EVENT, set_job(less, who, i, job._replace(step=SETTLE, outcome=DEFERRED))


def _put_off(w: World, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    """Stopped, or its lane is full, or the ceiling is reached."""
    row = w.rows[job.n]
    after = row and ledger.put_off(row, job.attempt, job.claim)
    if after is not None:
        changed = set_row(w, job.n, after)._replace(events=(w.events[0], w.events[1] - 1))
        held = job._replace(step=SETTLE, outcome=DEFERRED)
        yield (name, "put_off", job.n, job.attempt, DEFERRED), EVENT, set_job(changed, who, i, held)


def _send(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    if _lease_is_over(w, job, p):
        off = job._replace(step=SETTLE, outcome=DEFERRED)
        yield (name, "too late", job.n, job.attempt, DEFERRED), FREE, set_job(w, who, i, off)
    if p.looks_again and w.clock == EXPIRED:
        late = job._replace(step=SETTLE, outcome=WITHHELD)
        yield (name, "too late", job.n, job.attempt, WITHHELD), FREE, set_job(w, who, i, late)
        return
    key = job.attempt if p.new_id_each_attempt else 0
    copies = (*w.accepted[: job.n], (*w.accepted[job.n], key), *w.accepted[job.n + 1 :])
    wrong = "" if w.clock == IN_TIME else "I7"
    taken = w._replace(accepted=copies, wrong=w.wrong or wrong)
    for outcome in s.outcomes:
        after = taken if outcome == ACCEPTED else w
        held = job._replace(step=SETTLE, outcome=outcome)
        yield (name, "send", job.n, job.attempt, outcome), FREE, set_job(after, who, i, held)
    if w.faults and ANSWER in s.kinds:
        doubt = UNKNOWN if s.promise is Promise.AT_MOST_ONCE and not p.retries_unknown_text else TRANSIENT
        held = job._replace(step=SETTLE, outcome=ACCEPTED if p.takes_silence_for_success else doubt)
        unheard = taken._replace(windows=raised(w.windows, job.n))
        yield (name, "answer lost", job.n, job.attempt, doubt), FAULT, set_job(unheard, who, i, held)
        yield (name, "request lost", job.n, job.attempt, doubt), FAULT, set_job(w, who, i, held)


def _lease_is_over(w: World, job: Job, p: Protocol) -> bool:
    row = w.rows[job.n]
    if row is None or p.claims_in_memory_only or p.lease_shorter_than_send:
        return False
    return row.lease == RAN_OUT if row.claim == job.claim else True


def _settle(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    row = w.rows[job.n]
    assert row is not None
    if job.outcome == ACCEPTED:
        yield from _complete(w, s, p, who, i, job, name)
    elif job.outcome == WITHHELD:
        after = ledger.withhold(row, job.claim, p)
        label = (name, "withhold", job.n, job.attempt, after is not row)
        if after is row:
            yield label, FREE, set_job(w, who, i, fenced(job, p))
        else:
            yield _moved(w, who, i, job, label, after)
    elif p.hands_over_before_report:
        yield from _hand(w, s, p, who, i, job, name)
    else:
        yield from _report(w, s, p, who, i, job, name)


def _complete(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    row = w.rows[job.n]
    after = ledger.complete(row, job.claim, p)
    known = w if after.state == "COMPLETED" or after.late else w._replace(wrong=w.wrong or "I4")
    label = (name, "complete", job.n, job.attempt, after.state != row.state)
    yield _moved(known, who, i, job, label, after)
    if w.faults and REPLY in s.kinds and after is not row:
        yield (name, "complete unheard", job.n, job.attempt, True), FAULT, set_row(w, job.n, after)


def _report(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    row = w.rows[job.n]
    after = ledger.report(row, job.claim, job.outcome, p)
    label = (name, "report", job.n, job.attempt, after is not None)
    if after is None:
        yield label, FREE, set_job(w, who, i, fenced(job, p))
        return
    changed = set_row(w, job.n, after)
    step = RETURN if p.returns_before_record else HAND
    yield label, FREE, set_job(changed, who, i, job._replace(step=step))
    if w.faults and REPLY in s.kinds and after != row:
        yield (name, "report unheard", job.n, job.attempt, True), FAULT, changed


def fenced(job: Job, p: Protocol) -> Job:
    """What becomes of a record whose outcome is no longer wanted: somebody else has its claim now."""
    return Job(job.offset, job.n, job.attempt, ASK) if p.asks_again_when_fenced else job._replace(step=DONE)


def _hand(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    """The retry record; only when its report is heard may the row move."""
    longer, offset = append(w, RETRIES, job.n, job.attempt)
    held = job._replace(step=RETURN, told=offset)
    if p.returns_before_record:
        held = job._replace(step=TELL)
    if p.hands_over_before_report and job.step == SETTLE:
        held = job._replace(step="late report", told=offset)
    yield (name, "announce", job.n, job.attempt, RETRIES), FREE, set_job(longer, who, i, held)
    if w.faults and REPORT in s.kinds:
        again = set_job(longer, who, i, job._replace(step=SETTLE))
        yield (name, "announce unheard", job.n, job.attempt, RETRIES), FAULT, again


def _late_report(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    """A mutant's: the failure is recorded after its record is on the retry topic."""
    after = ledger.report(w.rows[job.n], job.claim, job.outcome, p)
    label = (name, "report", job.n, job.attempt, after is not None)
    changed = w if after is None else set_row(w, job.n, after)
    yield label, FREE, set_job(changed, who, i, job._replace(step=DONE if after is None else RETURN))


def _return(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    row = w.rows[job.n]
    assert row is not None
    after = ledger.returned(row, job.claim, None if p.returns_before_record else job.told, p)
    label = (name, "returned", job.n, job.attempt, after is not row)
    if p.returns_before_record and after is not row:
        news = job._replace(step=HAND, news=news_of(after))
        yield label, FREE, set_job(set_row(w, job.n, after), who, i, news)
        return
    yield _moved(w, who, i, job, label, after)
    if w.faults and REPLY in s.kinds and after is not row:
        again = set_job(set_row(w, job.n, after), who, i, job._replace(step=SETTLE))
        yield (name, "returned unheard", job.n, job.attempt, True), FAULT, again


def _tell(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    after = told(w, job.n, job.news)
    yield (name, "follow", job.n, job.news and job.news.state, None), FREE, set_job(
        after, who, i, job._replace(step=DONE)
    )


def _bury(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    after = set_job(bury(w, job.n), who, i, job._replace(step=DONE))
    yield (name, "announce", job.n, job.attempt, "dead-letter"), FREE, after


def _unread(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    """Three have died over it, which takes longer than to record where it lies."""
    if not is_being_recorded(w, job.n):
        after = set_job(bury(w, job.n), who, i, job._replace(step=END))
        yield (name, "bury", job.n, None, "dead-letter"), FREE, after


def _end(w: World, s: Scenario, p: Protocol, who: int, i: int, job: Job, name: str) -> Iterator[Step]:
    """The record is buried unread: the notification behind it ends with it."""
    row = w.rows[job.n]
    assert row is not None
    after = ledger.end_unread(row, DAILY, job.offset, p)
    label = (name, "end", job.n, None, after is not row)
    yield _moved(w, who, i, job, label, after)
    if w.faults and REPLY in s.kinds and after is not row:
        again = set_job(set_row(w, job.n, after), who, i, job._replace(step=ASK))
        yield (name, "end unheard", job.n, None, True), FAULT, again


def _moved(w: World, who: int, i: int, job: Job, label: Label, after: object) -> Step:
    """With the row changed and the cache to be told; or, where nothing moved, finished."""
    row = w.rows[job.n]
    if after is row or after.state == row.state:
        return label, FREE, set_job(set_row(w, job.n, after), who, i, job._replace(step=DONE))
    news = news_of(after)._replace(attempt=job.attempt)
    return label, FREE, set_job(set_row(w, job.n, after), who, i, job._replace(step=TELL, news=news))


ACTS: dict[str, Callable[..., Iterator[Step]]] = {
    ASK: _ask,
    SEND: _send,
    SETTLE: _settle,
    HAND: _hand,
    RETURN: _return,
    TELL: _tell,
    BURY: _bury,
    END: _end,
    "late report": _late_report,
    DONE: lambda *_: iter(()),
}
