"""Two of everything at once, on the real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

from healthnotify.domain.delivery import KILLS_THE_PROCESS, Accepted, Answer, DeadLetter, Poison, Position, Record
from healthnotify.pipeline.plan import plan
from healthnotify.pipeline.ports import Announced, DueIndex, Topic
from tests.builders import NOON, PLANNING, a_person, ask, record_of, staged

MINUTE = timedelta(minutes=1)
LATER = NOON + 6 * MINUTE


def at_once(number, act):
    """Call `act` in that many threads, all of them set off together."""
    barrier = Barrier(number)

    def run(index):
        barrier.wait()
        return act(index)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(run, range(number)))


def test_every_notification_is_claimed_by_exactly_one_of_eight_consumers(committed):
    entries = staged(committed, [a_person() for _ in range(100)])

    def claim(index):
        mine = entries[index * 7 :] + entries[: index * 7]  # each begins elsewhere: locks meet in all orders
        return committed.claim([ask(entry) for entry in mine], LATER, LATER + MINUTE)

    answers = [claim.answer for claims in at_once(8, claim) for claim in claims]

    assert answers.count(Answer.CLAIMED) == 100
    assert answers.count(Answer.BUSY) == 700


def test_two_planners_plan_everything_once(committed):
    committed.add([a_person() for _ in range(50)], NOON)

    steps = at_once(4, lambda _: plan(now=NOON, limit=100, store=committed, planning=PLANNING)[0])

    assert sum(map(len, steps)) == 50
    assert len({step.id for some in steps for step in some}) == 50


def test_two_builders_never_lease_the_same(committed):
    committed.add([a_person() for _ in range(60)], NOON)
    plan(now=NOON, limit=100, store=committed, planning=PLANNING)

    leased = at_once(6, lambda _: committed.lease_planned(NOON, NOON + MINUTE, 10))

    assert len({one.id for some in leased for one in some}) == 60


def test_a_takeover_and_a_late_success_end_in_one_completion(committed):
    (entry,) = staged(committed)
    first = committed.claim([ask(entry)], LATER, LATER + MINUTE)[0]

    def act(index):
        if index == 0:
            return committed.complete({entry.id: (first, Accepted())}, LATER + MINUTE)
        return committed.claim([ask(entry, claim_id=uuid4())], LATER + MINUTE, LATER + 2 * MINUTE)

    steps, (second,) = at_once(2, act)

    assert len(steps) == 1
    assert second.answer in (Answer.AMBIGUOUS, Answer.TERMINAL)
    assert committed.claim([ask(entry)], LATER + 9 * MINUTE, LATER + 10 * MINUTE)[0].answer is Answer.TERMINAL


def test_a_burial_and_a_claim_at_once_end_it_or_leave_it_to_the_holder_and_never_both(committed):
    """Half of them lie at places that are buried unread while somebody, who was given them before, claims them."""
    entries = staged(committed, [a_person() for _ in range(60)])
    announced = [Announced(record_of(one), Position(Topic.DAILY, 0, at)) for at, one in enumerate(entries)]
    committed.published(DueIndex.DAILY, announced, LATER)
    reason = f"{KILLS_THE_PROCESS}: 3"
    letters = [DeadLetter(reason, record=Record(one.position, Poison(b"unread", reason))) for one in announced]

    def act(index):
        if index:
            return committed.claim([ask(entry) for entry in reversed(entries)], LATER, LATER + MINUTE)
        return [step for some in range(0, 60, 10) for step in committed.bury(letters[some : some + 10], LATER)]

    steps, claims = at_once(2, act)

    ended = {step.id for step in steps}
    claimed = {claim.envelope.id for claim in claims if claim.answer is Answer.CLAIMED}
    assert ended | claimed == {entry.id for entry in entries}
    assert not ended & claimed
    assert {committed.state(key) for key in ended} <= {"FAILED"}
    assert {committed.state(key) for key in claimed} <= {"PENDING"}
