"""Planner and callers at once on the same people: nobody waits for ever, nothing is planned twice."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import time, timedelta

from django.db import connection, transaction

from healthnotify.apps.notifications.models import Notification
from healthnotify.apps.users import changes
from healthnotify.apps.users.models import Preference
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Category, Channel, Withheld
from healthnotify.pipeline.plan import Planning, plan
from tests.builders import NOON, a_person, a_preference
from tests.postgres_store import RING

FAR = Planning(ahead=timedelta(hours=30), expires_after=timedelta(hours=4), tzdata="2026.6")
ROUNDS = 25


def several():
    """Six preferences, so that whoever locks them in another order meets somebody."""
    return tuple(
        replace(a_preference(channel, times=(time(9), time(20))), category=category)
        for category in (Category.NUDGE, Category.DIGEST, Category.PROGRESS)
        for channel in (Channel.EMAIL, Channel.SMS)
    )


def at_once(*works):
    """Run them, each in a thread with a connection of its own; answers what went wrong."""
    start, wrong = threading.Barrier(len(works)), []

    def run(work):
        start.wait(timeout=10)
        try:
            work()
        except Exception as problem:
            wrong.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)
    return wrong


def test_a_planner_and_callers_at_once_leave_what_is_wanted_last_and_nothing_twice(committed):
    ids = committed.add([a_person(preferences=several()) for _ in range(4)], NOON)

    def plans():
        for _ in range(ROUNDS * 4):
            plan(now=NOON, limit=100, store=committed, planning=FAR)

    def moves(timezones):
        for number in range(ROUNDS):
            for user_id in ids:
                zone = timezones[number % 2]
                alter = lambda before, zone=zone: replace(before.person, timezone=zone)  # noqa: E731
                changes.change(user_id, alter, now=NOON, ring=RING)

    wrong = at_once(
        plans,
        plans,
        lambda: moves(("America/New_York", "Europe/Berlin")),
        lambda: moves(("Asia/Tokyo", "Europe/London")),
    )
    plan(now=NOON, limit=100, store=committed, planning=FAR)

    assert wrong == []
    zones = {row.user_id: row.user.timezone for row in Preference.objects.select_related("user")}
    living = list(Notification.objects.exclude(reason=Withheld.SUPERSEDED).exclude(reason__isnull=False))
    assert {(row.timezone, row.state) for row in living} <= {(zone, State.PLANNED) for zone in zones.values()}
    assert all(row.timezone == zones[row.user_id] for row in living)
    most = Counter((row.user_id, row.category, row.channel, row.local_date, row.slot) for row in living)
    assert set(most.values()) == {1}


def test_two_callers_at_once_change_the_same_person_one_after_the_other(committed):
    (user_id,) = committed.add([a_person(preferences=())], NOON)  # so that only their own row can be waited for

    def counts():
        for _ in range(ROUNDS):
            alter = lambda before: replace(  # noqa: E731
                before.person, goals=tuple(replace(one, progress=one.progress + 1) for one in before.person.goals)
            )
            changes.change(user_id, alter, now=NOON, ring=RING)

    assert at_once(counts, counts) == []
    assert changes.lock(user_id, RING).person.goals[0].progress == 3000 + 2 * ROUNDS


def test_a_planner_that_waits_for_a_caller_holds_nothing_that_the_caller_is_yet_to_lock(committed):
    committed.add([a_person(preferences=several()[:2])], NOON)
    low, high = Preference.objects.order_by("id").values_list("id", flat=True)
    Preference.objects.filter(id=high).update(next_due_at=NOON)  # the planner sees it first
    wrong = []

    def plans():
        wrong.extend(at_once(lambda: plan(now=NOON, limit=100, store=committed, planning=FAR)))

    planner = threading.Thread(target=plans)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM preferences WHERE id = %s FOR UPDATE", [low])
        planner.start()
        while not waits(cursor):
            planner.join(timeout=0.01)
        cursor.execute("SELECT id FROM preferences WHERE id = %s FOR UPDATE NOWAIT", [high])
    planner.join(timeout=60)

    assert wrong == []
    assert Notification.objects.exists()


def waits(cursor):
    """Whether somebody waits for a lock of ours."""
    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
    return cursor.fetchone() != (0,)
