"""What somebody asks for: its words, its times, and the road that it goes, on twins."""

from dataclasses import replace
from datetime import time, timedelta
from uuid import uuid4

import pytest

from healthnotify.adapters.memory.writer import ScriptedWriter
from healthnotify.domain.ad_hoc import check_words, words
from healthnotify.domain.errors import Rejected
from healthnotify.domain.guardrails import RULES
from healthnotify.domain.guardrails.fixes import FIXES
from healthnotify.domain.guardrails.weighing import RULE_OF, UNSAFE_WORDING
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Assignment, Category, Channel, Draft, Goal, QuietHours
from healthnotify.domain.wording import LANGUAGES, template_called, templates
from healthnotify.pipeline import build
from healthnotify.pipeline.ports import DueIndex
from tests.builders import NOON, WORDS, a_person, a_preference, an_ad_hoc, planned
from tests.world import MINUTE, SECOND, WRITING

GOOD = Draft("A walk?", "{greeting}\nTen minutes outside would do.")


def an_assignment(**but) -> Assignment:
    """As a builder would lease it, with words of its own."""
    known = {
        "id": uuid4(),
        "user_id": uuid4(),
        "category": Category.SERVICE,
        "channel": Channel.EMAIL,
        "goal": None,
        "name": "Anna",
        "locale": "en",
        "target": 0,
        "progress": 0,
        "streak": 0,
        "send_at": NOON,
        "expires_at": NOON + 60 * MINUTE,
        "withheld": None,
        "asked_by": "key:test",
        "draft": WORDS,
    }
    return Assignment(**(known | but))


def asked_for(world, person=None, **but):
    """Somebody, and what was asked for them."""
    (user_id,) = world.store.add([person or a_person()], NOON)
    wanted = an_ad_hoc(user_id, **but)
    world.store.ask(wanted, NOON)
    return wanted.plan


def take(world, limit=10):
    return build.take(now=world.now, limit=limit, store=world.store, writing=WRITING)


def built(world):
    """Words that were given are ready without a model."""
    taken = take(world, limit=0)
    return build.settle(taken.ready, now=world.now, store=world.store, staging=world.staging)


def row(world, plan):
    return world.store.rows[plan.id]


# words


def test_good_words_pass():
    check_words(an_assignment())


@pytest.mark.parametrize(
    ("but", "blamed"),
    [
        ({"draft": Draft("Hello", "Call +44 7911 123456")}, [("text", "external_link")]),
        ({"draft": Draft("www.example.org", "Hello")}, [("subject", "external_link")]),
        (
            {"draft": Draft("www.example.org", "[name]")},
            [("text", "unresolved_placeholder"), ("subject", "external_link")],
        ),
        ({"draft": Draft("12", "34")}, [("subject", "empty"), ("text", "empty")]),
        ({"draft": Draft("Hello", "{streak} days!")}, [("text", "unresolved_placeholder")]),
        ({"draft": Draft("Hello", "x" * 321), "channel": Channel.SMS}, [("text", "over_length")]),
        ({"draft": Draft("Hello", "I can't help with that.")}, [("text", "model_refusal")]),
        ({"draft": Draft("x" * 79, "Hello")}, [("subject", "subject_line")]),
    ],
)
def test_each_broken_rule_is_told_with_the_field_that_breaks_it(but, blamed):
    with pytest.raises(Rejected) as refused:
        check_words(an_assignment(**but))

    assert [(one.field, one.problem.rpartition(" ")[2]) for one in refused.value.problems] == blamed
    assert all(one.fix for one in refused.value.problems)


def test_every_rule_has_its_fix():
    assert set(FIXES) == {*RULES, *RULE_OF.values(), UNSAFE_WORDING}


def test_a_value_that_breaks_a_rule_is_found_too(monkeypatch):
    from healthnotify.domain import ad_hoc

    monkeypatch.setattr(ad_hoc, "facts_for", lambda **_: {"greeting": "Hi www.example.org,"})

    with pytest.raises(Rejected):
        check_words(an_assignment())


def test_every_template_is_found_by_its_id_and_greets_in_its_own_language():
    for language in LANGUAGES:
        for goal in Goal:
            for template in templates(goal, language):
                assert template_called(template.id) == template
    told, verdict = words(
        an_assignment(
            draft=None, template="walk_more.nudge.de.1", goal=Goal.WALK_MORE, locale="fr", target=10, progress=5
        )
    )
    assert verdict.allowed
    assert "Hallo" in told.text


# the road


async def test_given_words_go_the_whole_road_at_once(world):
    plan = asked_for(world)

    (step,) = built(world)
    assert (step.after, step.reason) == (State.STAGED, "given")
    world.publish()
    await world.deliver()

    (letter,) = world.channel.letters
    assert (letter.subject, letter.text) == ("Your appointment", "Hi Anna,\nWe look forward to seeing you.")
    assert row(world, plan).state is State.COMPLETED
    provenance = row(world, plan).message.provenance
    assert (provenance.source, provenance.author, provenance.fields) == ("given", "key:test", ())


async def test_the_template_that_was_asked_for_is_the_one_that_is_sent(world):
    plan = asked_for(world, draft=None, template="drink_water.nudge.es.2")

    built(world)
    world.publish()
    await world.deliver()

    (letter,) = world.channel.letters
    assert letter.subject == template_called("drink_water.nudge.es.2").draft.subject
    provenance = row(world, plan).message.provenance
    assert (provenance.source, provenance.author, provenance.why_template) == (
        "template",
        "drink_water.nudge.es.2",
        None,
    )


async def test_the_model_writes_about_a_goal_although_the_send_time_has_come(world):
    asked_for(world, draft=None, goal=Goal.STRETCH)
    (assignment,) = take(world).to_write
    writer = ScriptedWriter([GOOD])

    message = await build.write(assignment, now=NOON, writer=writer, writing=WRITING)

    assert message.provenance.source == "model"
    assert [brief.goal for brief in writer.briefs] == [Goal.STRETCH]


async def test_what_expires_sooner_than_the_model_may_take_does_not_wait_for_it(world):
    asked_for(world, draft=None, goal=Goal.STRETCH, expires_at=NOON + SECOND / 2)
    (assignment,) = take(world).to_write

    message = await build.write(assignment, now=NOON, writer=ScriptedWriter([GOOD]), writing=WRITING)

    assert message.provenance.why_template == "too_late"


def test_words_that_have_become_unfit_are_cancelled_and_say_so(world, monkeypatch):
    """They were judged when they were asked for; a value may have changed since."""
    from healthnotify.domain import ad_hoc

    plan = asked_for(world)
    monkeypatch.setattr(ad_hoc, "facts_for", lambda **_: {})

    taken = take(world)

    assert (taken.to_write, taken.ready) == ([], [])
    assert [(step.after, step.reason) for step in taken.steps] == [(State.CANCELLED, "unfit")]
    assert row(world, plan).state is State.CANCELLED


def test_given_words_do_not_wait_for_room(world):
    planned(world.store, [a_person() for _ in range(5)])
    plan = asked_for(world)

    taken = take(world, limit=0)

    assert taken.to_write == []
    assert [message.id for message in taken.ready] == [plan.id]


async def test_quiet_hours_hold_it_back_until_their_end(world):
    quiet = QuietHours(time(12, 30), time(14))  # in Berlin, where it is 13:00
    plan = asked_for(world, a_person(quiet=quiet))
    built(world)
    world.publish()

    await world.deliver()
    (step,) = world.retry()

    assert world.channel.letters == []
    assert (step.after, step.due_at) == (State.RETRY, NOON + 60 * MINUTE)
    assert row(world, plan).uncounted == 1


async def test_who_says_no_before_it_is_sent_gets_nothing(world):
    plan = asked_for(world)
    built(world)
    world.publish()
    person = world.store.people[plan.user_id]
    off = a_preference(category=Category.SERVICE, enabled=False)
    world.store.people[plan.user_id] = replace(person, preferences=(off,))

    steps, _, _ = await world.deliver()

    assert [step.reason for step in steps] == ["opted_out"]
    assert world.channel.letters == []


def test_it_is_not_published_before_its_time(world):
    asked_for(world, send_at=NOON + 60 * MINUTE)
    built(world)

    assert world.publish() == []
    assert world.indexed(DueIndex.DAILY, NOON + timedelta(hours=1)) != []


async def test_what_was_taken_back_is_announced_at_most_once_and_never_sent(world):
    """The API works without Redis, so the cache does not hear of it and still has it in its due index."""
    plan = asked_for(world)
    built(world)
    world.store.cancel({plan.id: "withdrawn"}, NOON)
    assert world.indexed(DueIndex.DAILY) == [plan.id]

    for _ in range(5):
        assert world.publish() == []
        await world.deliver()
        world.now += MINUTE

    assert len(world.log.records("notifications.daily")) == 1
    assert world.channel.letters == []
    assert row(world, plan).state is State.CANCELLED
    assert world.indexed(DueIndex.DAILY) == []


async def test_what_was_taken_back_and_has_expired_leaves_the_index_as_well(world):
    plan = asked_for(world)
    built(world)
    world.store.cancel({plan.id: "withdrawn"}, NOON)
    world.now = plan.expires_at

    assert world.publish() == []

    assert world.log.records("notifications.daily") == []
    assert world.indexed(DueIndex.DAILY) == []
