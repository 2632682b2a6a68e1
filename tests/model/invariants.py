"""What must hold in every state that can be reached, by name."""

from collections.abc import Iterator

from healthnotify.domain.routing import Promise
from tests.model.scenarios import Scenario
from tests.model.world import COMPLETED, ENDED, FAILED, PENDING, RETRY, Row, World

NAMES = {
    "I1": "nothing planned is lost",
    "I2": "COMPLETED means accepted at least once",
    "I3": "the provider took no more copies than the channel promises",
    "I4": "COMPLETED never changes, FAILED only by a redrive, and an acceptance that was heard is recorded",
    "I5": "no offset is committed past an unfinished record",
    "I7": "never early, never after expiry",
    "I8": "no topic is flooded",
    "I11": "one notification for one occasion",
    "DL": "FAILED and unknown ids have a record on the dead-letter topic",
}


def broken(w: World, s: Scenario, committed: tuple[int, int]) -> str | None:
    """The first invariant that this state breaks, when the groups have committed so far."""
    if w.wrong:
        return w.wrong
    for n, row in enumerate(w.rows):
        if name := _of_row(w, s, n, row, committed[0]):
            return name
    if s.most_records and w.announced > s.most_records:
        return "I8"
    return "I5" if any(unfinished(w, committed)) else None


def _of_row(w: World, s: Scenario, n: int, row: Row | None, committed: int) -> str | None:
    if row is None:
        gone = any(job_n == n for job_n, _ in w.daily[:committed])
        return "DL" if gone and not w.buried[n] else None
    if row.state == COMPLETED and not w.accepted[n]:
        return "I2"
    if row.state == FAILED and not w.buried[n]:
        return "DL"
    return None if _keeps_promise(w, s.promise, n) else "I3"


def _keeps_promise(w: World, promise: Promise, n: int) -> bool:
    copies = w.accepted[n]
    if promise is Promise.AT_MOST_ONCE:
        return len(copies) <= 1
    if promise is Promise.ONE_EXTRA:
        return len(copies) <= 1 + w.windows[n]
    return len(set(copies)) <= 1


def unfinished(w: World, committed: tuple[int, int]) -> Iterator[str]:
    """Records below a committed offset that still have something to give: not sent, handed on, stale or ended, and
    with no other copy ahead."""
    for topic, log, upto, is_open in (
        ("daily", w.daily, committed[0], _daily_is_open),
        ("retry", w.retry, committed[1], _retry_is_open),
    ):
        for record in log[:upto]:
            row = w.rows[record[0]]
            if (
                row is not None
                and row.state not in ENDED
                and record not in log[upto:]
                and not (w.deadly and w.buried[record[0]])
                and is_open(w, row, *record, committed)
            ):
                yield f"{topic} {record}"


def _daily_is_open(w: World, row: Row, n: int, attempt: int, committed: tuple[int, int]) -> bool:
    if row.attempt != attempt or row.state != PENDING:
        return row.attempt + 1 == attempt and not (row.state == RETRY and not row.due)
    if not row.claim:
        return False
    return not row.failure or (n, attempt) not in w.retry[committed[1] :]


def _retry_is_open(w: World, row: Row, n: int, attempt: int, committed: tuple[int, int]) -> bool:
    if row.attempt != attempt:
        return False
    if row.state == RETRY:
        return not row.due
    return row.state == PENDING and bool(row.claim) and (n, attempt) not in w.daily[committed[0] :]


def changed_what_is_final(before: World, after: World) -> bool:
    """Whether a step undid an end: I4 looks at two states."""
    for was, is_now in zip(before.rows, after.rows, strict=True):
        if was is is_now or was is None or is_now is None or was.state == is_now.state:
            continue
        if was.state == COMPLETED or (was.state == FAILED and is_now.uncounted != was.attempt):
            return True
    return False


def is_over(w: World) -> bool:
    """Whether every notification has ended, and every unknown id is buried."""
    return all(row.state in ENDED if row is not None else w.buried[n] for n, row in enumerate(w.rows))
