"""`evidence`, `explain` and `generate_test_users` as an operator calls them, on PostgreSQL."""

import json
from dataclasses import replace
from datetime import time
from io import StringIO
from itertools import pairwise
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pydantic import SecretStr

from healthnotify.apps.notifications.models import Notification
from healthnotify.apps.notifications.reading import samples
from healthnotify.apps.notifications.store import PostgresStore
from healthnotify.apps.privacy import keyring
from healthnotify.apps.privacy.models import WrappedKey
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from healthnotify.domain.delivery import OUTCOME_UNKNOWN, Accepted, DeadLetter
from healthnotify.domain.model import Channel, Provenance
from healthnotify.pipeline.ports import DueIndex
from tests.builders import NOON, a_message, a_person, a_preference, ask, planned, record_of, staged
from tests.postgres_store import RING, TestedPostgres
from tests.store_steps import LATER, MINUTE, claim, published, refused, waiting

pytestmark = pytest.mark.django_db
SUMS = ("planned", "completed", "failed", "cancelled", "open", "duplicates", "unaccounted")


@pytest.fixture
def store():
    return TestedPostgres()


def run(*arguments):
    """What a command prints, and its exit code."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


def line(**but):
    sums = dict.fromkeys(SUMS, 0) | but
    return "evidence: " + " ".join(f"{name}={sums[name]}" for name in SUMS)


def last_line(text):
    return text.splitlines()[-1]


def texters(count):
    return [a_person(preferences=(a_preference(Channel.SMS),)) for _ in range(count)]


def completed(store, entry, attempt=1, at=LATER):
    held = claim(store, entry, attempt, at)
    store.complete({entry.id: (held, Accepted("ok"))}, at)
    return held


def given_up(store, entry, reason="smtp_550"):
    refused(store, entry)
    store.give_up([DeadLetter(reason, record_of(entry))], LATER)


def behind_the_ledgers_back(statement, *parameters, table="notifications"):
    """SQL past the rules of the tables, as a defect or a hand might do it."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, parameters)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


# evidence


def test_the_evidence_of_nothing_is_nothing():
    text, code = run("evidence")

    assert (last_line(text), code) == (line(), 0)


@pytest.fixture
def some(store):
    """One of each: completed, failed, unknown, cancelled, open."""
    mails, texts = staged(store, [a_person() for _ in range(4)]), staged(store, texters(1))
    completed(store, mails[0])
    given_up(store, mails[1])
    given_up(store, texts[0], OUTCOME_UNKNOWN)
    store.cancel({mails[2].id: "expired"}, LATER)
    return [*mails, *texts]


def test_a_balanced_ledger_says_so_in_its_last_line(some):
    text, code = run("evidence")

    assert (last_line(text), code) == (line(planned=5, completed=1, failed=2, cancelled=1, open=1), 0)
    assert f"outcome unknown, never sent again: {some[-1].id}" in text
    for told in ("at the first try", "smtp_550", "outcome_unknown", "expired"):
        assert told in text


def test_as_json_it_says_the_same(some):
    told = json.loads(run("evidence", "--json")[0])

    assert [told[name] for name in SUMS] == [5, 1, 2, 1, 1, 0, 0]
    assert told["balances"] is True
    assert told["unknown_outcomes"] == [str(some[-1].id)]
    assert told["possible_copies"] == 0
    assert sum(share["notifications"] for share in told["shares"]) == 5
    assert {"channel": "sms", "state": "FAILED", "reason": "outcome_unknown", "notifications": 1, "by_template": 0} in (
        told["shares"]
    )


def test_a_day_is_the_users_own_date(store):
    """At noon UTC it is the 23rd in Berlin, and the 24th in Auckland."""
    auckland = a_person(timezone="Pacific/Auckland", preferences=(a_preference(times=(time(1, 5),)),))
    staged(store, [a_person(), a_person(), auckland])

    assert last_line(run("evidence", "--day", "2026-11-23")[0]) == line(planned=2, open=2)
    assert last_line(run("evidence", "--day", "2026-11-24")[0]) == line(planned=1, open=1)
    assert last_line(run("evidence", "--day", "2026-11-25")[0]) == line()


def test_a_success_after_a_retry_is_told_apart(store):
    (entry,) = staged(store)
    waiting(store, entry, LATER)
    published(store, entry, index=DueIndex.RETRY, attempt=2)
    completed(store, entry, attempt=2)

    text, code = run("evidence")

    assert "after a retry" in text
    assert (last_line(text), code) == (line(planned=1, completed=1), 0)


def test_a_claim_that_was_taken_over_is_a_possible_copy_except_by_sms(store):
    for entry in staged(store, [a_person(), *texters(1)]):
        published(store, entry)
        claim(store, entry)
        claim(store, entry, at=LATER + 2 * MINUTE)

    assert "possible second copies after a crash, within the promise: 1\n" in run("evidence")[0]


def test_two_acceptances_are_a_duplicate_and_do_not_balance(store):
    (entry,) = staged(store)
    published(store, entry)
    first = claim(store, entry)
    second = claim(store, entry, at=LATER + 2 * MINUTE)
    for held in (first, second):
        store.complete({entry.id: (held, Accepted("ok"))}, LATER + 3 * MINUTE)

    text, code = run("evidence")

    assert (last_line(text), code) == (line(planned=1, completed=1, duplicates=1), 1)


def test_a_row_that_its_last_move_contradicts_is_unaccounted_for(store):
    (entry,) = staged(store)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO moves (notification_id, local_date, at, event, before, after, attempt) "
            "VALUES (%s, %s, %s, 'published', 'STAGED', 'PENDING', 1)",
            [entry.id, entry.local_date, LATER],
        )

    text, code = run("evidence")

    assert (last_line(text), code) == (line(planned=1, open=1, unaccounted=1), 1)
    assert json.loads(run("evidence", "--json")[0])["balances"] is False
    assert run("evidence", "--json")[1] == 1


def test_a_row_without_any_move_is_unaccounted_for(store):
    (entry,) = staged(store)
    behind_the_ledgers_back("DELETE FROM moves WHERE notification_id = %s", entry.id, table="moves")

    text, code = run("evidence")

    assert (last_line(text), code) == (line(planned=1, open=1, unaccounted=1), 1)


def test_a_planned_move_whose_row_is_gone_is_unaccounted_for(store):
    (entry,) = staged(store)
    behind_the_ledgers_back("DELETE FROM notifications WHERE id = %s", entry.id)

    text, code = run("evidence")

    assert (last_line(text), code) == (line(planned=1, unaccounted=1), 1)


def test_a_failure_without_its_dead_letter_is_unaccounted_for(store):
    (entry,) = staged(store)
    given_up(store, entry)
    assert run("evidence")[1] == 0
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM dead_letters")

    text, code = run("evidence")

    assert (last_line(text), code) == (line(planned=1, failed=1, unaccounted=1), 1)


def test_a_day_that_is_none_is_a_clear_error():
    with pytest.raises(CommandError, match=r"error: day: '23\.11\.2026' is not a date\. Use YYYY-MM-DD"):
        run("evidence", "--day", "23.11.2026")


# explain


@pytest.fixture
def eventful(store):
    """Refused once, then taken over, then accepted."""
    (entry,) = staged(store, [a_person(external_id="p-17")])
    published(store, entry)
    waiting(store, entry, LATER + MINUTE)
    published(store, entry, at=LATER + MINUTE, index=DueIndex.RETRY, attempt=2)
    claim(store, entry, 2, at=LATER + MINUTE)
    completed(store, entry, 2, at=LATER + 3 * MINUTE)
    return entry


def test_a_life_is_told_in_words_and_in_order(eventful):
    text, code = run("explain", str(eventful.id))

    told = [
        "planned for 2026-11-23 13:05:00 Europe/Berlin",
        "written by the model stand-in, approved by the guardrails and saved",
        "its time had come; Kafka confirmed the record for try 1",
        "try 1 failed: smtp_451",
        "the retry consumer set the next try for 2026-11-23T12:07:00.000+00:00",
        "Kafka confirmed another record, for try 2",
        "whoever held try 2 did not say what came of it; another consumer took over",
        "the email channel accepted try 2",
    ]
    places = [text.find(words) for words in told]
    assert -1 not in places
    assert all(one < next_one for one, next_one in pairwise(places))
    assert len([row for row in text.splitlines() if "→" in row]) == len(told)
    assert "state:                COMPLETED\n" in text
    assert "user:                 p-17\n" in text
    assert "sent to the model:    goal\n" in text
    assert code == 0


@pytest.mark.parametrize("arguments", [(), ("--json",)], ids=["words", "json"])
def test_it_never_shows_text_name_or_address(eventful, arguments):
    text, _ = run("explain", str(eventful.id), *arguments)
    row = Notification.objects.get(id=eventful.id)

    for secret in ("Anna", "anna@example.org", "+49", "A walk", "Ten minutes", row.message_sealed):
        assert secret not in text


def test_a_life_as_json_has_the_same_chapters(eventful):
    told = json.loads(run("explain", str(eventful.id), "--json")[0])

    assert told["facts"]["notification"] == str(eventful.id)
    assert [(one["before"], one["after"]) for one in told["chapters"]] == [
        (None, "PLANNED"),
        ("PLANNED", "STAGED"),
        ("STAGED", "PENDING"),
        ("PENDING", "RETRY"),
        ("RETRY", "RETRY"),
        ("RETRY", "PENDING"),
        ("PENDING", "PENDING"),
        ("PENDING", "COMPLETED"),
    ]
    assert {"at", "words"} <= set(told["chapters"][0])


def test_a_shift_a_template_and_a_reason_are_told(store):
    quiet = a_person(preferences=(a_preference(),))
    (key,) = planned(store, [quiet])
    (assignment,) = store.lease_planned(NOON, NOON + MINUTE, 1)
    provenance = Provenance("template", "walk_more.nudge.en.1", (), why_template="timeout")
    store.stage([replace(a_message(assignment), provenance=provenance)], NOON)
    store.cancel({key: "opted_out"}, LATER)

    text, _ = run("explain", str(key))

    assert "written by the template walk_more.nudge.en.1 because the model gave nothing usable (timeout)" in text
    assert "cancelled: opted_out" in text
    assert "CANCELLED (opted_out)" in text
    assert "sent to the model" not in text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("17", "error: id: '17' is not a notification's id. Give a UUID"),
        ("00000000-0000-0000-0000-000000000000", "error: id: no notification 00000000-0000-0000-0000-000000000000"),
    ],
    ids=["malformed", "unknown"],
)
def test_an_id_that_is_none_is_a_clear_error(text, problem):
    with pytest.raises(CommandError) as refusal:
        run("explain", text)

    assert str(refusal.value).startswith(problem)
    assert refusal.value.returncode == 1


# generate_test_users


@pytest.fixture
def ring(settings):
    """The installation's key ring."""
    key = keyring.new_key("k")
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"encryption_keys": SecretStr(key)})
    return keyring.parse(key)


def everybody():
    """What people are, without their keys and without what is sealed under them."""
    return [
        (
            user.external_id,
            user.locale,
            user.timezone,
            user.quiet_start,
            sorted(user.addresses.values_list("channel", "address_index")),
            sorted(UserGoal.objects.filter(user=user).values_list("code", "target", "progress", "streak")),
            [(p.category, p.channel, p.times, p.days) for p in user.preferences.all()],
        )
        for user in User.objects.order_by("external_id")
    ]


def test_ten_people_are_entered_unless_another_count_is_given(ring):
    assert json.loads(run("generate_test_users", "--json")[0]) == [{"entered": 10}]
    assert User.objects.count() == 10
    text, code = run("generate_test_users", "--count", "3")

    assert "3" in text
    assert code == 0
    assert User.objects.count() == 13


def test_all_live_in_the_zone_that_is_given(ring):
    run("generate_test_users", "--count", "20", "--timezone", "Asia/Kathmandu")

    assert set(User.objects.values_list("timezone", flat=True)) == {"Asia/Kathmandu"}


def test_without_a_zone_they_live_all_over_the_world(ring):
    run("generate_test_users", "--count", "60", "--seed", "1")

    assert len(set(User.objects.values_list("timezone", flat=True))) > 6


def test_the_same_seed_makes_the_same_people_and_another_one_others(ring):
    made = []
    for seed in ("7", "7", "8"):
        run("generate_test_users", "--count", "12", "--seed", seed)
        made.append(everybody())
        User.objects.all().delete()

    assert made[0] == made[1]
    assert made[0] != made[2]


def test_the_same_seed_twice_is_a_clear_error_and_enters_nobody(ring):
    run("generate_test_users", "--count", "2", "--seed", "7")

    with pytest.raises(CommandError, match=r"error: external_id: somebody has it already\. .*another --seed"):
        run("generate_test_users", "--count", "5", "--seed", "7")

    assert User.objects.count() == 2
    assert Preference.objects.count() == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--count", "0"), "error: count: '0' is not a whole number from 1 to 1000000"),
        (("--count", "-3"), "error: count: '-3' is"),
        (("--count", "ten"), "error: count: 'ten' is"),
        (("--count", "1000001"), "error: count: '1000001' is"),
        (("--count", "1.5"), "error: count: '1.5' is"),
        (("--count", "٣"), "error: count: '٣' is"),
        (("--count", ""), "error: count: '' is"),
        (("--timezone", "Mars/Olympus"), "error: timezone: "),
        (("--timezone", ""), "error: timezone: "),
        (("--timezone", "../../etc/passwd"), "error: timezone: "),
        (("--seed", "x"), "error: seed: 'x' is"),
        (("--seed", "1e3"), "error: seed: '1e3' is"),
    ],
)
def test_a_wrong_option_is_named_and_nobody_is_entered(ring, arguments, problem):
    with pytest.raises(CommandError) as refusal:
        run("generate_test_users", f"{arguments[0]}={arguments[1]}")

    assert str(refusal.value).startswith(problem)
    assert User.objects.count() == 0


def test_without_a_key_ring_it_names_the_setting_and_enters_nobody(settings):
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"encryption_keys": None})

    with pytest.raises(CommandError, match="error: ENCRYPTION_KEYS: "):
        run("generate_test_users")

    assert User.objects.count() == 0


def test_the_people_are_due_reachable_and_sealed(ring):
    run("generate_test_users", "--count", "30")

    for user in User.objects.all():
        wrapped = WrappedKey.objects.get(user=user).wrapped
        ring.unwrap(user.id, wrapped)
        assert user.name_sealed.startswith("v1:")
        wishes = Preference.objects.filter(user=user)
        assert all(wish.next_due_at > wish.planned_until for wish in wishes)
        assert all(Address.objects.filter(user=user, channel=wish.channel).exists() for wish in wishes)
        assert 1 <= UserGoal.objects.filter(user=user).count() <= 3
    assert not Address.objects.exclude(address_sealed__startswith="v1:").exists()


# reading.samples


def test_samples_are_one_message_a_channel_and_source_as_their_readers_see_them(store):
    mails, texts = staged(store, [a_person(), a_person()]), staged(store, texters(1))
    unsent = staged(store, [a_person()])
    for entry in (*mails, *texts):
        published(store, entry)
        completed(store, entry)
    users = [entry.user_id for entry in (*mails, *texts, *unsent)]

    found = samples(users, RING)

    assert [(one.channel, one.source) for one in found] == [("email", "model"), ("sms", "model")]
    assert {(one.subject, one.text) for one in found} == {("A walk", "Ten minutes outside?")}
    assert {one.timezone for one in found} == {"Europe/Berlin"}
    assert found[0].id in {entry.id for entry in mails}
    assert samples([uuid4()], RING) == []
    assert samples([unsent[0].user_id], RING) == []


def test_samples_need_the_key_that_sealed_them(store):
    (entry,) = staged(store)
    published(store, entry)
    completed(store, entry)

    with pytest.raises(keyring.Misconfigured, match="ENCRYPTION_KEYS: the key 'test' is missing"):
        samples([entry.user_id], keyring.parse(keyring.new_key("other")))


# a key ring without the key


def test_what_cannot_be_opened_is_neither_leased_nor_claimed(store):
    (entry,) = staged(store, texters(1))
    (key,) = planned(store, [a_person()])
    published(store, entry)
    blind = PostgresStore(keyring.parse(keyring.new_key("other")))
    before = list(Notification.objects.order_by("id").values())

    with pytest.raises(keyring.Misconfigured, match="ENCRYPTION_KEYS"):
        blind.claim([ask(entry)], LATER, LATER + MINUTE)
    with pytest.raises(keyring.Misconfigured, match="ENCRYPTION_KEYS"):
        blind.lease_planned(NOON, NOON + MINUTE, 10)

    assert list(Notification.objects.order_by("id").values()) == before
    assert [one.id for one in store.lease_planned(NOON, NOON + MINUTE, 10)] == [key]
