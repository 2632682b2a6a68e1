"""What PostgreSQL enforces by itself, whoever writes to it."""

import re
from datetime import timedelta
from itertools import product

import pytest
from django.db import IntegrityError, connection, transaction

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store import building, burial, planning, road, sweeping
from healthnotify.apps.users import people
from healthnotify.domain.lifecycle import BEGINNING, MOVES, State
from healthnotify.pipeline.ports import DueIndex
from tests.builders import NOON, a_person, staged
from tests.postgres_store import TestedPostgres

pytestmark = pytest.mark.django_db

ALLOWED = {(before, after) for (before, _), after in MOVES.items()} | {(state, state) for state in State}


@pytest.fixture
def entry():
    (entry,) = staged(TestedPostgres())
    return entry


def execute(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def without_guard():
    execute("SET CONSTRAINTS ALL IMMEDIATE")  # what is deferred to the commit stands in the way of ALTER TABLE
    execute("ALTER TABLE notifications DISABLE TRIGGER USER")


def put_into(state, key):
    """Past the guard, so that each state can be a beginning."""
    without_guard()
    execute(
        "UPDATE notifications SET state = %s, reason = 'test', accepted_by = ARRAY[id] WHERE id = %s", state.value, key
    )
    execute("ALTER TABLE notifications ENABLE TRIGGER USER")


def test_the_database_allows_the_moves_of_the_table_and_no_others(entry):
    allowed = set()
    for before, after in product(State, State):
        put_into(before, entry.id)
        try:
            execute("UPDATE notifications SET state = %s WHERE id = %s", after.value, entry.id)
        except IntegrityError:
            continue
        allowed.add((before, after))

    assert allowed == ALLOWED


def test_an_unknown_state_is_refused(entry):
    without_guard()
    with pytest.raises(IntegrityError, match="notifications_state"):
        execute("UPDATE notifications SET state = 'LOST' WHERE id = %s", entry.id)


def test_a_notification_begins_planned(entry):
    with pytest.raises(IntegrityError, match=f"begins {BEGINNING}"):
        execute(
            "INSERT INTO notifications SELECT (n).* FROM (SELECT jsonb_populate_record(NULL::notifications, "
            "to_jsonb(x) || jsonb_build_object('id', gen_random_uuid(), 'slot', 9)) AS n FROM notifications x) y"
        )


@pytest.mark.parametrize("statement", ["UPDATE moves SET reason = 'x'", "DELETE FROM moves", "TRUNCATE moves"])
def test_moves_are_append_only(entry, statement):
    with pytest.raises(IntegrityError, match="append-only"):
        execute(statement)


def test_one_occasion_has_one_row_whatever_its_id(entry):
    with pytest.raises(IntegrityError, match="_local_date_case_"):  # the name is the partition's
        execute(
            "INSERT INTO notifications SELECT (n).* FROM (SELECT jsonb_populate_record(NULL::notifications, to_jsonb(x)"
            " || jsonb_build_object('id', gen_random_uuid(), 'state', 'PLANNED')) AS n FROM notifications x) y"
        )


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("message_sha256 = NULL", "notifications_have_text_when_staged"),
        ("state = 'CANCELLED'", "notifications_given_up_with_a_reason"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(entry, change, constraint):
    with pytest.raises(IntegrityError, match=constraint):
        execute(f"UPDATE notifications SET {change} WHERE id = %s", entry.id)


def test_completed_without_an_acceptance_is_refused(entry):
    execute("UPDATE notifications SET state = 'PENDING' WHERE id = %s", entry.id)
    with pytest.raises(IntegrityError, match="notifications_completed_means_accepted"):
        execute("UPDATE notifications SET state = 'COMPLETED' WHERE id = %s", entry.id)


@pytest.mark.parametrize(
    ("index", "statement"),
    [
        ("preferences_due", planning.DUE_PREFERENCES),
        ("notifications_to_build", building.LEASE),
        ("notifications_asked_for", building.LEASE),
        ("notifications_to_publish", road.DUE_NOW[DueIndex.DAILY]),
        ("notifications_to_retry", road.DUE_NOW[DueIndex.RETRY]),
        ("notifications_to_publish", sweeping.OVERDUE[DueIndex.DAILY]),
        ("notifications_to_retry", sweeping.OVERDUE[DueIndex.RETRY]),
        ("notifications_on_the_road", sweeping.STILL),
        ("notifications_redriven", sweeping.REDRIVEN),
        ("notifications_to_expire", sweeping.EXPIRE),
        ("notifications_on_the_road", burial.REFUSE),
        ("notifications_on_the_road", burial.GIVE_UP),
    ],
)
def test_every_due_scan_has_its_partial_index(index, statement):
    names = ("now", "until", "before", "at", "lease_until")
    parameters = dict.fromkeys(names, NOON) | {
        "limit": 9,
        "given": 9,
        "event": "x",
        "after": "CANCELLED",
        "reason": "x",
        "channels": [],
        "categories": [],
        "topics": ["x"],
        "partitions": [0],
        "offsets": [0],
        "failure": None,
        "retry": "x",
    }
    execute("SET LOCAL enable_seqscan = off")
    execute("SET LOCAL enable_bitmapscan = off")

    plan = "\n".join(row[0] for row in rows(f"EXPLAIN {statement}", parameters))

    assert set(re.findall(r"using (\S+)", plan)) & of_each_partition(index)
    assert "Seq Scan on notifications" not in plan


def of_each_partition(index):
    """Its own name, and those of what stands for it in the partitions."""
    return {index} | {
        row.name
        for row in rows(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = %(index)s::regclass",
            {"index": index},
        )
    }


def test_text_name_and_addresses_stand_nowhere_in_the_clear(entry):
    store = TestedPostgres()
    people.add([a_person(name="Canary Wren")], now=NOON, ring=store._ring)
    staged(store, [], NOON + timedelta(minutes=1))
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        dump = ""
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
            dump += "".join(row[0] for row in cursor.fetchall())

    for canary in ("Canary", "Anna", "anna@example.org", "4915112345678", "Ten minutes outside"):
        assert canary not in dump
    assert "v1:user:" in dump


INDEXES_OF_ALL_ROWS = """
    SELECT c.relname AS name, i.indrelid AS of, i.indisunique AS is_unique, i.indkey::text AS columns
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
    WHERE i.indrelid IN ('notifications'::regclass, 'moves'::regclass) AND i.indpred IS NULL AND a.amname = 'btree'
"""


def test_no_index_that_each_move_writes_is_only_the_beginning_of_another():
    found = rows(INDEXES_OF_ALL_ROWS, {})

    assert len(found) >= 5
    assert not [
        (one.name, other.name)
        for one, other in product(found, repeat=2)
        if one.of == other.of and one is not other and f"{other.columns} ".startswith(f"{one.columns} ")
    ]
