"""Dead letters brought back by two operators at once, on the real PostgreSQL: each is brought back once."""

from collections import Counter

from django.db import connection

from healthnotify.apps.access.models import AuditEntry
from healthnotify.apps.notifications import redrive
from healthnotify.apps.notifications.models import Move, Notification
from healthnotify.apps.notifications.redrive import Chosen
from healthnotify.commands.redriving import Wanted, bring_back
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.redriving import Obstacle
from tests.builders import a_person, staged
from tests.integration.test_store_under_concurrency import at_once
from tests.store_steps import LATER, MINUTE, failed

COUNT = 600
NOW = LATER + MINUTE


def given_up(store, count=COUNT):
    return [failed(store, entry) for entry in staged(store, [a_person() for _ in range(count)])]


def run_over_all(_):
    wanted = Wanted(Chosen(most=10_000), rate=1_000)
    try:
        return bring_back(wanted, at=NOW, wait=lambda _: False, clock=lambda: NOW)
    finally:
        connection.close()


def test_two_runs_over_the_same_dead_letters_bring_each_back_once(committed):
    entries = given_up(committed)

    runs = at_once(2, run_over_all)

    assert sum(done.back for done in runs) == COUNT
    assert all(set(done.left) <= {Obstacle.NOT_FAILED} for done in runs)
    assert set(Notification.objects.values_list("state", flat=True)) == {State.PENDING}
    moved = Counter(Move.objects.filter(event=Event.REDRIVEN).values_list("notification_id", flat=True))
    assert moved == dict.fromkeys([entry.id for entry in entries], 1)
    assert AuditEntry.objects.filter(action="redriven").count() == COUNT


def test_who_has_looked_before_another_brought_it_back_and_it_was_given_up_again_does_nothing(committed, monkeypatch):
    """Else the one who looked first would bring back a failure that they have not seen, beyond the three times."""
    (entry,) = given_up(committed, 1)
    look = redrive._found

    def slowly(chosen, at):
        found = look(chosen, at)
        monkeypatch.setattr(redrive, "_found", look)
        at_once(1, lambda _: somebody_else())
        return found

    def somebody_else():
        committed.redrive([entry.id], at=NOW)
        failed(committed, entry, attempt=2, at=NOW)
        connection.close()

    monkeypatch.setattr(redrive, "_found", slowly)
    (answer,) = committed.redrive([entry.id], at=NOW)

    assert answer.obstacle is Obstacle.NOT_FAILED
    assert committed.state(entry.id) == State.FAILED
    assert Move.objects.filter(event=Event.REDRIVEN).count() == 1
