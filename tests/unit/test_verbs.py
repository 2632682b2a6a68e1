"""The verbs, on twins: their order, and what a crash or a silence in between leaves."""

from dataclasses import replace
from datetime import timedelta

import pytest

from healthnotify.adapters.memory.channel import ScriptedChannel
from healthnotify.adapters.memory.road import MemoryIntake
from healthnotify.domain.delivery import KILLS_THE_PROCESS, Poison, Position, Record
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Goal, QuietHours
from healthnotify.domain.people import NewGoal
from healthnotify.pipeline import build
from healthnotify.pipeline.plan import plan
from healthnotify.pipeline.ports import DueIndex, NotWritten, Topic
from tests.builders import BAD_ADDRESS, NOON, PLANNING, REFUSED, a_person, planned, record_of
from tests.world import DUE, MINUTE, PATIENCE, SECOND, WRITING

# plan


def test_goals_take_turns_by_date(world):
    goals = (NewGoal(Goal.CHECKUP), NewGoal(Goal.STRETCH), NewGoal(Goal.WALK_MORE))
    planned(world.store, [a_person(goals=goals)])

    plan(now=NOON + timedelta(days=6), limit=10, store=world.store, planning=PLANNING)

    written = [row.plan.goal for row in sorted(world.store.rows.values(), key=lambda row: row.plan.send_at)]
    assert len(set(written[:3])) == 3
    assert written[:3] == written[3:6]


def test_quiet_hours_move_the_send_time_and_say_so(world):
    from datetime import time

    quiet = QuietHours(time(12), time(14, 10))
    planned(world.store, [a_person(quiet=quiet)], NOON + timedelta(hours=1))

    (row,) = world.store.rows.values()
    assert (row.plan.shift, row.plan.send_at) == ("quiet_hours", NOON + timedelta(hours=1, minutes=10))


def test_a_preference_that_cannot_be_planned_is_told_and_keeps_nobody_waiting(world):
    planned(world.store, [])
    world.store.add([a_person(), a_person()], NOON)
    broken, _ = world.store.preferences.values()
    world.store.preferences[broken.id] = replace(broken, timezone="Mars/Olympus")

    steps, problems = plan(now=NOON, limit=10, store=world.store, planning=PLANNING)

    assert len(steps) == 1
    assert [one.preference_id for one in problems] == [broken.id]
    assert "timezone" in str(problems[0].problem)
    assert plan(now=NOON, limit=10, store=world.store, planning=PLANNING) == ([], [])


def test_what_was_unplannable_is_caught_up_with_once_it_is_mended(world):
    world.store.add([a_person()], NOON)
    (broken,) = world.store.preferences.values()
    world.store.preferences[broken.id] = replace(broken, timezone="Mars/Olympus")
    plan(now=NOON, limit=10, store=world.store, planning=PLANNING)
    (later,) = world.store.preferences.values()
    world.store.preferences[broken.id] = replace(later, timezone=broken.timezone)

    steps, problems = plan(now=NOON + timedelta(hours=1), limit=10, store=world.store, planning=PLANNING)

    assert (len(steps), problems) == (1, [])


# build


class ScriptedWriter:
    model, prompt_id = "twin", "twin_1"

    def __init__(self, answer):
        self.answer = answer
        self.briefs = []

    async def write(self, brief, deadline):
        self.briefs.append((brief, deadline))
        if isinstance(self.answer, NotWritten):
            raise self.answer
        return self.answer


async def written(world, answer, **but):
    planned(world.store, [a_person(**but)])
    taken = build.take(now=NOON, limit=10, store=world.store, writing=WRITING)
    assert (taken.ready, taken.steps) == ([], [])
    (assignment,) = taken.to_write
    return await build.write(assignment, now=NOON, writer=ScriptedWriter(answer), writing=WRITING)


def draft(subject="A walk, {name}?", text="{greeting}\nTen minutes outside would do."):
    from healthnotify.domain.model import Draft

    return Draft(subject, text)


async def test_a_good_draft_is_filled_and_says_where_it_came_from(world):
    message = await written(world, draft())

    assert message.subject == "A walk, Anna?"
    assert message.text == "Hi Anna,\nTen minutes outside would do."
    assert message.provenance.source == "model"
    assert message.provenance.author == "twin"
    assert "name" not in message.provenance.fields


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (NotWritten("timeout"), "timeout"),
        (draft(text="Look at https://example.org today"), "guardrail_external_link"),
        (draft(text="You have walked {steps} steps"), "guardrail_unknown_placeholder"),
        (draft(text="I'm sorry, but I can't help with that."), "guardrail_model_refusal"),
        (draft(text="{streak} days in a row, well done"), "guardrail_filled_unresolved_placeholder"),
    ],
)
async def test_whatever_is_wrong_with_the_draft_a_reviewed_template_takes_over(world, answer, why):
    message = await written(world, answer)

    assert message.provenance.source == "template"
    assert message.provenance.author.startswith("walk_more.nudge.en.")
    assert message.provenance.why_template == why
    assert "Anna" in message.text


async def test_when_a_value_breaks_even_the_template_the_plain_one_takes_over(world, monkeypatch):
    """No value that facts let through does so today; should one, nobody is told it and nobody is left out."""
    honest = build.facts_for

    def with_a_link(*, name, **rest):
        return honest(name=name, **rest) | ({"greeting": "Hi www.example.org,"} if name else {})

    monkeypatch.setattr(build, "facts_for", with_a_link)

    message = await written(world, NotWritten("timeout"))

    assert message.text.startswith("Hello,")
    assert message.provenance.source == "template"
    assert message.provenance.why_template == "timeout"


async def test_the_model_is_not_even_asked_when_it_is_too_late(world):
    planned(world.store, [a_person()])
    (assignment,) = build.take(now=NOON, limit=10, store=world.store, writing=WRITING).to_write
    writer = ScriptedWriter(draft())

    message = await build.write(assignment, now=assignment.send_at, writer=writer, writing=WRITING)

    assert writer.briefs == []
    assert message.provenance.why_template == "too_late"


async def test_the_model_has_until_the_send_time_at_most(world):
    planned(world.store, [a_person()])
    (assignment,) = build.take(now=NOON, limit=10, store=world.store, writing=WRITING).to_write
    writer = ScriptedWriter(draft())

    await build.write(assignment, now=assignment.send_at - 5 * SECOND, writer=writer, writing=WRITING)
    await build.write(assignment, now=NOON, writer=writer, writing=WRITING)

    assert [deadline for _, deadline in writer.briefs] == [5 * SECOND, 20 * SECOND]


def test_who_left_before_the_text_was_written_is_cancelled(world):
    planned(world.store, [a_person()])
    (user_id,) = world.store.people
    world.store.erased.add(user_id)

    taken = build.take(now=NOON, limit=10, store=world.store, writing=WRITING)
    (step,) = taken.steps

    assert (taken.to_write, taken.ready) == ([], [])
    assert (step.after, step.reason) == (State.CANCELLED, "erased")


def test_staging_goes_on_without_redis(world):
    planned(world.store, [a_person()])
    world.staging.down = True
    (assignment,) = build.take(now=NOON, limit=10, store=world.store, writing=WRITING).to_write
    from tests.builders import a_message

    (step,) = build.settle([a_message(assignment)], now=NOON, store=world.store, staging=world.staging)

    assert step.after is State.STAGED


# publish


def test_publishing_announces_the_next_attempt_and_empties_the_index(world):
    (entry,) = world.stage()

    (step,) = world.publish()

    assert step.after is State.PENDING
    assert [record.content for record in world.daily.take(10, timedelta(0))] == [record_of(entry)]
    assert world.indexed(DueIndex.DAILY, DUE + timedelta(hours=1)) == []


def test_nothing_is_published_early(world):
    world.stage()
    world.now = DUE - timedelta(milliseconds=1)

    assert world.publish() == []


def test_what_kafka_does_not_confirm_stays_staged_and_is_announced_again(world):
    (entry,) = world.stage()
    world.road.silent = {entry.id}
    assert world.publish() == []
    assert world.state(entry) is State.STAGED

    world.road.silent = ()
    world.now += MINUTE

    assert [step.after for step in world.publish()] == [State.PENDING]


async def test_a_lost_report_makes_a_second_record_and_the_claim_drops_it(world):
    (entry,) = world.stage()
    world.road.unheard = {entry.id}
    world.publish()
    world.road.unheard = ()
    world.now += MINUTE
    world.publish()
    assert len(world.log.records(Topic.DAILY)) == 2

    await world.deliver()
    await world.deliver()
    world.now += 10 * MINUTE
    await world.deliver()

    assert len(world.channel.letters) == 1
    assert world.state(entry) is State.COMPLETED


@pytest.mark.parametrize("trouble", ["cold", "down"])
def test_without_redis_what_is_due_is_read_from_postgresql(world, trouble):
    world.stage()
    setattr(world.staging, trouble, True)

    assert [step.after for step in world.publish()] == [State.PENDING]


def test_what_has_expired_is_cancelled_instead(world):
    (entry,) = world.stage()
    world.now = entry.expires_at

    (step,) = world.publish()

    assert (step.after, step.reason) == (State.CANCELLED, "expired")
    assert world.log.records(Topic.DAILY) == []


def test_without_postgresql_nothing_is_moved_and_nothing_is_lost(world):
    world.stage()
    world.store.down = True

    with pytest.raises(Unavailable):
        world.publish()

    world.store.down = False
    world.now += MINUTE
    assert [step.after for step in world.publish()] == [State.PENDING]


# retry


async def test_a_transient_failure_is_tried_again_at_the_time_that_was_decided(world):
    (entry,) = world.stage()
    world.channel = ScriptedChannel([REFUSED])
    world.publish()
    await world.deliver()

    (scheduled,) = world.retry(dice=0.5)

    assert scheduled.due_at == DUE + 5 * SECOND
    world.now = DUE + 5 * SECOND - timedelta(milliseconds=1)
    assert world.publish(DueIndex.RETRY) == []
    world.now = DUE + 5 * SECOND
    assert [step.after for step in world.publish(DueIndex.RETRY)] == [State.PENDING]
    await world.deliver()
    assert world.state(entry) is State.COMPLETED


async def test_a_permanent_failure_is_given_up_at_once_dead_letter_first(world):
    (entry,) = world.stage()
    world.channel = ScriptedChannel([BAD_ADDRESS])
    world.publish()
    await world.deliver()
    world.road.silent = {entry.id}
    assert world.retry() == []
    assert world.state(entry) is State.RETRY

    world.road.silent = ()
    world.retries.close()
    world.retries = MemoryIntake(world.log, Topic.RETRY)
    (step,) = world.retry()

    assert (step.after, step.reason) == (State.FAILED, "smtp_550")
    assert len(world.log.records(Topic.DEAD_LETTER)) == 1


async def test_attempts_are_used_up_after_exactly_that_many(world):
    (entry,) = world.stage()
    world.channel = ScriptedChannel([REFUSED] * 10)
    world.publish()
    for _ in range(3):
        await world.deliver()
        world.retry()
        world.now += MINUTE
        world.publish(DueIndex.RETRY)

    assert len(world.channel.letters) == 3
    assert world.state(entry) is State.FAILED


async def test_a_try_that_would_come_after_the_expiry_is_not_waited_for(world):
    (entry,) = world.stage()
    world.channel = ScriptedChannel([replace(REFUSED, retry_after=timedelta(hours=5))])
    world.publish()
    world.now = entry.expires_at - SECOND
    await world.deliver()

    (step,) = world.retry(dice=0.99)

    assert (step.after, step.reason) == (State.CANCELLED, "expired")


# sweep


def test_in_a_healthy_system_the_sweeper_finds_nothing(world):
    world.stage()
    assert world.sweep() == []
    world.publish()
    assert world.sweep() == []
    assert len(world.log.records(Topic.DAILY)) == 1


def test_what_is_merely_queued_is_never_published_again(world):
    world.stage(*(a_person() for _ in range(5)))
    world.publish()
    world.now += timedelta(hours=1)

    assert world.sweep() == []
    assert len(world.log.records(Topic.DAILY)) == 5


async def test_what_the_consumers_passed_without_an_outcome_is_announced_again(world):
    (entry,) = world.stage()
    world.publish()
    world.daily.finish(world.daily.take(10, timedelta(0)))  # committed by a defect, without a claim
    world.daily.close()
    world.daily = MemoryIntake(world.log, Topic.DAILY)
    world.now += timedelta(hours=1)

    (step,) = world.sweep()
    await world.deliver()

    assert (step.before, step.after) == (State.PENDING, State.PENDING)
    assert world.state(entry) is State.COMPLETED


async def test_a_claim_without_an_outcome_is_offered_under_the_same_attempt(world):
    (entry,) = world.stage()
    world.publish()
    taken = world.take()
    world.daily.finish([held.record for held in taken.to_send])  # committed by a defect, without an outcome
    world.daily.close()
    world.daily = MemoryIntake(world.log, Topic.DAILY)
    world.now += timedelta(hours=1)

    world.sweep()
    await world.deliver()

    assert world.state(entry) is State.COMPLETED
    assert world.store.rows[entry.id].attempt == 1


def test_a_lost_cache_is_rebuilt_from_postgresql(world):
    (entry,) = world.stage()
    world.staging.lose()

    world.sweep()

    assert not world.staging.is_cold()
    assert world.indexed(DueIndex.DAILY) == [entry.id]


def test_what_fell_out_of_the_index_is_put_back(world):
    (entry,) = world.stage()
    world.staging.clear()
    world.staging.warm()
    assert world.indexed(DueIndex.DAILY) == []
    world.now = DUE + 2 * MINUTE

    world.sweep()

    assert world.indexed(DueIndex.DAILY) == [entry.id]


def test_the_sweeper_works_without_redis(world):
    (entry,) = world.stage()
    world.staging.down = True
    world.now = entry.expires_at

    (step,) = world.sweep()

    assert step.reason == "expired"


# bury


def test_poison_is_buried_with_its_place_and_only_then_finished(world):
    record = Record(Position(Topic.DAILY, 0, 7), Poison(b"{", "bad_json"))
    world.road.silent = True
    assert world.bury(record) == ([], [])
    world.road.silent = ()

    assert world.bury(record) == ([record], [])
    (letter,) = world.store.dead_letters
    assert (letter.reason, letter.record) == ("bad_json", record)


def test_what_kills_whoever_reads_it_takes_its_notification_with_it_and_is_not_announced_again(world):
    (entry,) = world.stage()
    world.publish()
    (unread,) = world.daily.take(1, timedelta(0))
    killer = Record(unread.position, Poison(b"unread", KILLS_THE_PROCESS))

    records, steps = world.bury(killer)

    assert records == [killer]
    assert [step.event for step in steps] == [Event.REFUSED, Event.GAVE_UP]
    assert world.staging.look([entry.id])[entry.id].entry.state is State.FAILED
    world.daily.finish([unread])
    world.daily.commit()
    world.now += 2 * PATIENCE.road
    assert world.sweep() == []


def test_it_ends_while_redis_is_away(world):
    world.stage()
    world.publish()
    (unread,) = world.daily.take(1, timedelta(0))
    world.staging.down = True

    assert len(world.bury(Record(unread.position, Poison(b"unread", KILLS_THE_PROCESS)))[1]) == 2


def test_without_a_confirmed_dead_letter_it_does_not_end(world):
    (entry,) = world.stage()
    world.publish()
    (unread,) = world.daily.take(1, timedelta(0))
    world.road.silent = True

    assert world.bury(Record(unread.position, Poison(b"unread", KILLS_THE_PROCESS))) == ([], [])
    assert world.state(entry) is State.PENDING
