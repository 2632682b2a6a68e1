"""The migration to partitions, forth and back, with rows in the tables."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from healthnotify.apps.database import rows
from healthnotify.apps.notifications.evidence import evidence
from healthnotify.apps.notifications.models import Move, Notification
from healthnotify.apps.notifications.store import months
from tests.builders import a_person, staged
from tests.postgres_store import TestedPostgres
from tests.store_steps import LATER, MINUTE, claim, failed, published, waiting

pytestmark = pytest.mark.django_db

BEFORE = [("notifications", "0003_asked_for")]
AFTER = [("notifications", "0004_partitions")]
#: What PostgreSQL knows of the two tables: to be the same after there and back.
RULES = """
    SELECT conrelid::regclass::text AS of, conname AS name, pg_get_constraintdef(oid) AS text FROM pg_constraint
    WHERE conrelid IN ('notifications'::regclass, 'moves'::regclass) AND contype <> 'n'
    UNION ALL
    SELECT tablename, indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes
    WHERE tablename IN ('notifications', 'moves')
    UNION ALL
    SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
    WHERE tgrelid IN ('notifications'::regclass, 'moves'::regclass) AND NOT tgisinternal
    ORDER BY 1, 2, 3
"""


def migrate(target):
    rows("SET CONSTRAINTS ALL IMMEDIATE", {})
    MigrationExecutor(connection).migrate(target)


def contents(table):
    return [
        row.text for row in rows(f"SELECT (to_jsonb(t) - 'local_date')::text AS text FROM {table} t ORDER BY id", {})
    ]


@pytest.fixture
def entries():
    """One in each kind of state."""
    store = TestedPostgres()
    one, two, three, four, five = staged(store, [a_person() for _ in range(5)])
    published(store, one)
    claim(store, two)
    failed(store, three)
    waiting(store, four, LATER + MINUTE)
    return [one, two, three, four, five]


@pytest.mark.usefixtures("entries")
def test_rows_come_over_and_back_unchanged_and_so_do_the_rules():
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    rules = {}
    migrate(BEFORE)  # what later migrations put back is written in other words, until it has been made anew
    migrate(AFTER)
    migrate(BEFORE)
    for shape, target in (("parts", AFTER), ("whole", BEFORE), ("parts again", AFTER), ("whole again", BEFORE)):
        migrate(target)
        rules[shape] = (tuple(rows(RULES, {})), contents("notifications"), contents("moves"))

    assert rules["parts"] == rules["parts again"]
    assert rules["whole"] == rules["whole again"]
    assert rules["parts"][1:] == rules["whole"][1:]
    migrate(newest)
    assert evidence().balances
    for row in Move.objects.select_related("notification"):
        assert row.local_date == row.notification.local_date


def test_the_rows_lie_in_their_months_and_new_moves_go_on_counting(entries):
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    migrate(BEFORE)
    last = rows("SELECT max(id) AS id FROM moves", {})[0].id
    migrate(newest)

    found = rows("SELECT DISTINCT tableoid::regclass::text AS name FROM notifications", {})
    assert [row.name for row in found] == [months.partition("notifications", months.month_of(entries[0].local_date))]
    claim(TestedPostgres(), entries[-1])
    assert Move.objects.order_by("id").last().id == last + 1
    name = months.partition("moves", months.month_of(entries[0].local_date))
    for table in ("moves", name, "moves_default"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table}")
    with pytest.raises(IntegrityError, match="cannot move"), transaction.atomic():
        Notification.objects.update(state="PLANNED")


def test_there_are_months_from_the_one_before_the_oldest_row_to_three_ahead(entries):
    migrate(BEFORE)
    rows("ALTER TABLE notifications DISABLE TRIGGER USER", {})
    rows("UPDATE notifications SET local_date = '2024-02-29' WHERE id = %(id)s", {"id": entries[0].id})
    rows("ALTER TABLE notifications ENABLE TRIGGER USER", {})
    migrate(AFTER)

    today = rows("SELECT current_date AS day", {})[0].day
    found = months.known()
    assert (found[0].isoformat(), found[-1]) == ("2024-01-01", months.month_after(months.month_of(today), 3))
    assert found == [months.month_after(found[0], count) for count in range(len(found))] == months.known("moves")
