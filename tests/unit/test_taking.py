"""What a consumer takes: which of it is in the works, and what it says of a record that is buried unread."""

from uuid import uuid4

from healthnotify.adapters import suspects
from healthnotify.domain.delivery import KILLS_THE_PROCESS, Accepted, Ask, Poison
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Channel
from healthnotify.domain.stops import Stop
from healthnotify.pipeline.deliver import Sent, Settled
from healthnotify.pipeline.ports import DueIndex, Topic
from healthnotify.pipeline.publish import publish
from healthnotify.workers.floodgate import Floodgate
from healthnotify.workers.taking import Taking
from tests.builders import NOON, a_person, a_preference, record_of, staged
from tests.twin_app import QuickLoop, TwinApp
from tests.world import MINUTE

EVERY = frozenset(range(12))


def published(count=1):
    """An app with so many records on the road, and the entries of what they announce."""
    app = TwinApp()
    entries = staged(app.store, [a_person(preferences=(a_preference(Channel.EMAIL),)) for _ in range(count)], NOON)
    app.instant = NOON + 5 * MINUTE
    publish(DueIndex.DAILY, now=app.now(), limit=100, store=app.store, staging=app.staging, road=app.road)
    return app, entries


def taking_of(app, told=lambda _: None):
    """A consumer's, and its intake."""
    intake = app.intake(Topic.DAILY)
    return intake, Taking(app, intake, Floodgate(QuickLoop("consumer"), app, Topic.DAILY), told)


def test_in_the_works_is_what_it_hands_out_until_it_is_finished():
    app, _ = published(2)
    intake, taking = taking_of(app)

    to_send, _ = taking.take(8)

    assert len(to_send) == 2
    assert intake._tracker.in_the_works(EVERY) == 2
    intake.finish([held.record for held in to_send])
    assert intake._tracker.in_the_works(EVERY) == 0


def test_what_is_parked_because_somebody_else_holds_it_is_not_in_the_works():
    app, (entry, _) = published(2)
    app.store.claim([Ask(record_of(entry), uuid4())], app.now(), app.now() + MINUTE)
    intake, taking = taking_of(app)

    to_send, _ = taking.take(8)

    assert len(to_send) == 1
    assert intake._tracker.in_the_works(EVERY) == 1


def test_what_is_put_off_is_in_the_works_until_it_is_settled():
    app, _ = published()
    app.store.stopped.add(Stop(channel=Channel.EMAIL))
    intake, taking = taking_of(app)

    to_send, to_settle = taking.take(8)

    assert (len(to_send), len(to_settle)) == (0, 1)
    assert intake._tracker.in_the_works(EVERY) == 1


def test_it_tells_of_the_notification_that_ends_with_a_record_that_is_buried_unread(monkeypatch):
    app, (entry,) = published()
    told = []
    intake, taking = taking_of(app, told.extend)
    monkeypatch.setattr(suspects, "decode", lambda value: Poison(value, f"{KILLS_THE_PROCESS}: 3 processes"))

    assert taking.take(8) == ([], [])

    assert [step.event for step in told] == [Event.REFUSED, Event.GAVE_UP]
    assert app.store.rows[entry.id].state is State.FAILED
    intake.commit()
    assert sum(app.log.groups[Topic.DAILY].committed.values()) == 1


def test_whose_holders_died_twice_waits_for_the_other_to_be_settled():
    app, entries = published(3)
    first, second, third = (record_of(entry) for entry in entries)
    for _ in range(3):
        app.store.claim([Ask(one, uuid4()) for one in (first, second)], app.now(), app.now() + MINUTE)
        app.instant += 2 * MINUTE
    _, taking = taking_of(app)

    to_send, _ = taking.take(8)

    assert sorted(held.claim.takeovers for held in to_send) == [0, 3]
    assert third.id in {held.claim.envelope.id for held in to_send}
    again, _ = taking.take(8)
    assert again == []
    taking.settled([Sent(held, Accepted()) for held in to_send], Settled())
    (last,), _ = taking.take(8)
    assert {first.id, second.id, third.id} == {held.claim.envelope.id for held in (*to_send, last)}
