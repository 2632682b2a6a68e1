"""`dead_letters` as an operator calls it, on PostgreSQL."""

import json
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from healthnotify import bootstrap
from healthnotify.apps.access.models import AuditEntry
from healthnotify.apps.notifications import dead_letters, holding, models
from healthnotify.apps.notifications.evidence import evidence
from healthnotify.apps.notifications.life import life
from healthnotify.apps.notifications.models import Move, Notification
from healthnotify.commands import redriving
from healthnotify.commands.redriving import Wanted, bring_back
from healthnotify.domain.delivery import (
    KILLS_THE_PROCESS,
    OUTCOME_UNKNOWN,
    DeadLetter,
    Failure,
    FailureKind,
    Poison,
    Position,
    Record,
)
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Channel
from healthnotify.domain.redriving import Obstacle
from healthnotify.pipeline.ports import Announced, DueIndex, Topic
from tests.builders import NOON, a_person, a_preference, record_of, staged
from tests.postgres_store import TestedPostgres
from tests.store_steps import LATER, MINUTE, failed, refused

pytestmark = pytest.mark.django_db
PLACE = Position("notifications.daily", 3, 17)
ESCAPES = b"\x1b[2J\xffour secret\n"


@pytest.fixture
def store():
    return TestedPostgres()


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """A quarter of an hour after everything was given up."""
    monkeypatch.setattr(bootstrap, "now", lambda: LATER + 15 * MINUTE)
    return bootstrap.now()


def run(*arguments):
    """What it prints, and its exit code."""
    out = StringIO()
    try:
        call_command("dead_letters", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


def rows_of(*arguments):
    return json.loads(run(*arguments, "--json")[0])


def some_failed(store, count=1, channel=Channel.EMAIL, **how):
    people = [a_person(preferences=(a_preference(channel),)) for _ in range(count)]
    return [failed(store, entry, **how) for entry in staged(store, people)]


def poison(store, raw=ESCAPES, place=PLACE, reason="bad_json: it is not", at=LATER):
    store.bury([DeadLetter(reason, record=Record(place, Poison(raw, reason)))], at)


def counts(*arguments):
    text, code = run("redrive", *arguments, "--json")
    return {row["what"]: row["count"] for row in json.loads(text)}, code


def states():
    return sorted(Notification.objects.values_list("state", flat=True))


# list


def test_the_list_says_of_each_whether_it_may_be_brought_back_and_why_not(store):
    (free,) = some_failed(store)
    (doubt,) = some_failed(store, channel=Channel.SMS, reason=OUTCOME_UNKNOWN, at=LATER + MINUTE)
    poison(store, at=LATER + 2 * MINUTE)

    listed = rows_of("list")

    assert [(row["dead_letter"], row["may_be_redriven"], row["why_not"]) for row in listed] == [
        ("notifications.daily:3:17", False, "no notification stands behind it"),
        (str(doubt.id), False, "outcome_unknown"),
        (str(free.id), True, None),
    ]
    assert (listed[2]["reason"], listed[2]["channel"], listed[2]["attempts"], listed[2]["redrives"]) == (
        "smtp_550",
        "email",
        1,
        0,
    )
    assert str(free.id) in run("list")[0]


def test_the_list_is_narrowed(store):
    (mail,) = some_failed(store)
    (text,) = some_failed(store, channel=Channel.SMS, reason="gone", at=LATER + 5 * MINUTE)
    poison(store)

    def chosen(*arguments):
        return [row["dead_letter"] for row in rows_of("list", *arguments)]

    assert chosen("--channel", "sms") == [str(text.id)]
    assert chosen("--reason", "smtp_550") == [str(mail.id)]
    assert chosen("--reason", "bad_json") == ["notifications.daily:3:17"]
    assert chosen("--since", "11m") == [str(text.id)]
    assert chosen("--since", (LATER + MINUTE).isoformat()) == [str(text.id)]
    assert chosen("--max", "1") == [str(text.id)]


# show


def test_a_notification_is_shown_with_its_dead_letters_and_its_life(store):
    (entry,) = some_failed(store)

    text, code = run("show", str(entry.id))

    assert code == 0
    assert "smtp_550" in text
    assert "given up: smtp_550; its dead letter is kept" in text


def test_bytes_that_are_not_ours_are_shown_when_asked_for_only_and_obey_no_terminal(store):
    poison(store)

    (plain,) = rows_of("show", "notifications.daily:3:17")
    assert (plain["size"], plain["kept"], plain["bytes"], len(plain["sha256"])) == (16, 16, None, 64)
    assert "secret" not in run("show", "notifications.daily:3:17")[0]
    assert not AuditEntry.objects.filter(action="poison_read").exists()

    text, _ = run("show", "notifications.daily:3:17", "--raw")
    assert r"\x1b[2J\xffour secret\n" in text
    assert "\x1b" not in text
    entry = AuditEntry.objects.get(action="poison_read")
    assert (entry.actor, entry.target) == ("command", "notifications.daily:3:17")


def test_of_what_was_cut_off_the_whole_size_is_told(store):
    poison(store, raw=b"x" * 20_000)

    (row,) = rows_of("show", "notifications.daily:3:17")

    assert (row["size"], row["kept"]) == (20_000, 16_384)


def test_an_id_that_nobody_knows_is_shown_as_what_was_buried(store):
    (entry,) = staged(store)
    stray = record_of(entry)
    stray = type(stray)(**{name: getattr(stray, name) for name in stray.__slots__} | {"id": uuid4()})
    store.bury([DeadLetter("unknown_notification", stray, Record(PLACE, stray))], LATER)

    assert [row["place"] for row in rows_of("show", str(stray.id))] == ["notifications.daily:3:17"]
    assert rows_of("list")[0]["dead_letter"] == str(stray.id)


def killed(store, at=LATER):
    """One of ours, whose record was buried unread."""
    (entry,) = staged(store)
    store.published(DueIndex.DAILY, [Announced(record_of(entry), PLACE)], at)
    poison(store, reason=f"{KILLS_THE_PROCESS}: 3 processes have ended over it", at=at)
    return entry


def test_what_was_buried_unread_is_told_as_the_notification_behind_it_and_accounted_for(store):
    entry = killed(store)

    (row,) = rows_of("list")
    (letter,) = rows_of("show", str(entry.id))
    chapters = life(entry.id).chapters

    assert (row["dead_letter"], row["reason"], row["attempts"]) == (str(entry.id), KILLS_THE_PROCESS, 1)
    assert (letter["place"], letter["attempt"]) == ("notifications.daily:3:17", 1)
    assert [one.words for one in chapters][-2:] == [
        "try 1 failed: kills_the_process",
        "given up: kills_the_process; its dead letter is kept",
    ]
    proof = evidence()
    assert (proof.balances, proof.planned, proof.failed, proof.unaccounted) == (True, 1, 1, 0)
    assert proof.unknown_outcomes == (entry.id,)


def test_it_is_brought_back_when_a_second_copy_is_accepted(store):
    entry = killed(store)

    assert counts(str(entry.id))[1] == 1
    assert states() == ["FAILED"]
    assert counts(str(entry.id), "--accept-duplicates") == ({"brought back": 1}, 0)

    assert [due.id for due in store.redriven(9)] == [entry.id]
    assert evidence().balances


def test_its_letter_stays_as_a_proof_when_it_has_expired(store, now):
    entry = killed(store)

    dead_letters.expire(now, by="command", at=now)

    assert [(one["topic"], one["expired_at"]) for one in dead_letters.letters(entry.id)] == [(None, now)]
    assert evidence().balances


# redrive


def test_what_fits_is_brought_back_and_written_down(store):
    entries = some_failed(store, 3)
    some_failed(store, channel=Channel.SMS)

    assert counts("--channel", "email") == ({"brought back": 3}, 0)

    assert states() == ["FAILED", "PENDING", "PENDING", "PENDING"]
    assert set(AuditEntry.objects.filter(action="redriven").values_list("actor", "target")) == {
        ("command", str(entry.id)) for entry in entries
    }
    assert set(Move.objects.filter(event=Event.REDRIVEN).values_list("actor", flat=True)) == {"command"}


def test_a_dry_run_says_the_same_and_changes_nothing(store):
    some_failed(store, 2)

    assert counts("--dry-run") == ({"would be brought back": 2}, 0)
    assert states() == ["FAILED", "FAILED"]
    assert not AuditEntry.objects.exists()


def test_what_is_left_is_told_with_its_reason(store):
    unwanted, doubt, free = some_failed(store, 2) + some_failed(store, reason=OUTCOME_UNKNOWN)
    store.opt_out(unwanted.user_id)

    text, code = run("redrive")
    assert code == 0
    assert f"left: {unwanted.id}: the user does not want it any more" in text
    assert counts("--accept-duplicates") == ({"brought back": 1, "left: opted_out": 1}, 0)
    assert counts() == ({"brought back": 0, "left: opted_out": 1}, 1)
    assert doubt.id != free.id


def test_what_has_expired_is_counted_and_not_gone_through(store, monkeypatch, now):
    some_failed(store, 3)
    monkeypatch.setattr(bootstrap, "now", lambda: now + timedelta(hours=5))

    assert counts() == ({"brought back": 0, "left: expired": 3}, 1)


def test_named_ones_are_brought_back_and_one_that_is_not_makes_it_an_error(store):
    first, second = some_failed(store, 2)
    nobody = str(uuid4())

    assert counts(str(first.id), str(second.id)) == ({"brought back": 2}, 0)
    assert counts(str(first.id), nobody) == ({"brought back": 0, "left: not_failed": 2}, 1)


def test_what_stands_in_the_way_does_not_use_up_the_number(store):
    unwanted = some_failed(store, 3)
    some_failed(store, 3, at=LATER + MINUTE)
    for entry in unwanted:
        store.opt_out(entry.user_id)

    assert counts("--max", "2", "--rate", "1000") == ({"brought back": 2, "left: opted_out": 3}, 0)


def test_never_more_than_asked_for_are_brought_back_however_they_lie(store):
    entries = some_failed(store, 7)
    for entry in entries[::3]:
        store.opt_out(entry.user_id)

    assert counts("--max", "3")[0]["brought back"] == 3
    assert states().count("PENDING") == 3


def a_run(store, wait, **but):
    chosen = redriving.Chosen(most=but.pop("most", 100))
    wanted = Wanted(**({"chosen": chosen, "rate": 2} | but))
    return bring_back(wanted, at=bootstrap.now(), wait=wait, clock=bootstrap.now)


def test_no_faster_than_asked_for(store, monkeypatch):
    some_failed(store, 5)
    monkeypatch.setattr(redriving, "monotonic", lambda: 0.0)  # nothing that it does takes any time
    waits = []

    done = a_run(store, lambda seconds: bool(waits.append((seconds, states().count("PENDING")))))

    assert done.back == 5
    assert waits == [(0.0, 0), (1.0, 2), (2.0, 4)]


def test_asked_to_end_it_stops_between_two_chunks_and_says_how_far_it_got(store):
    some_failed(store, 5)
    asked = iter([False, False, True])

    done = a_run(store, lambda _: next(asked))

    assert (done.back, done.stopped) == (4, True)
    assert states().count("PENDING") == 4
    assert redriving.table(done, dry_run=False)[-1]["what"] == "stopped"


def test_what_is_given_up_again_while_it_runs_is_not_brought_back_again_by_it(store):
    entries = some_failed(store, 4)

    def fails_again(_):
        for entry in entries:
            if store.state(entry.id) == State.PENDING:
                failed(store, entry, attempt=2, at=bootstrap.now() + MINUTE)
        return False

    assert a_run(store, fails_again).back == 4
    assert Move.objects.filter(event=Event.REDRIVEN).count() == 4


# expire


def test_old_ones_end_and_the_evidence_still_balances(store, monkeypatch, now):
    (entry,) = some_failed(store)
    poison(store)
    some_failed(store, at=LATER + timedelta(days=89))
    monkeypatch.setattr(bootstrap, "now", lambda: LATER + timedelta(days=90, seconds=1))

    kept = "emptied, and kept as the proof that a notification was buried"
    assert rows_of("expire", "--dry-run") == [{"what": "deleted", "count": 1}, {"what": kept, "count": 1}]
    assert models.DeadLetter.objects.filter(expired_at__isnull=False).count() == 0
    assert rows_of("expire") == [{"what": "deleted", "count": 1}, {"what": kept, "count": 1}]

    assert evidence().balances
    assert not models.DeadLetter.objects.filter(raw__isnull=False).exists()
    assert store.state(entry.id) == State.FAILED
    assert counts(str(entry.id)) == ({"brought back": 0, "left: letter_expired": 1}, 1)
    assert rows_of("list", "--max", "1")[0]["why_not"] == "expired"
    (audited,) = AuditEntry.objects.filter(action="dead_letters_expired")
    assert (audited.actor, audited.detail) == ("command", {"deleted": 1, "blanked": 1})
    assert rows_of("expire") == [{"what": "deleted", "count": 0}, {"what": kept, "count": 0}]


def test_of_what_came_through_after_all_nothing_is_kept(store, monkeypatch):
    (entry,) = some_failed(store)
    store.redrive([entry.id], at=LATER)
    monkeypatch.setattr(bootstrap, "now", lambda: LATER + timedelta(days=91))
    run("expire")

    assert not models.DeadLetter.objects.exists()
    assert evidence().balances


def test_they_end_in_chunks(store, monkeypatch):
    some_failed(store, 5)
    monkeypatch.setattr(dead_letters, "CHUNK", 2)
    monkeypatch.setattr(bootstrap, "now", lambda: LATER + timedelta(days=2))

    assert rows_of("expire", "--days", "1")[1]["count"] == 5
    assert AuditEntry.objects.filter(action="dead_letters_expired").count() == 3


# resume


def test_a_hold_is_told_of_and_ended_and_written_down(store):
    held = holding.PostgresHolds()
    held.hold(Topic.RETRY, "51 dead letters in a row", NOON)
    assert "Nobody consumes notifications.retry since 2026-11-23T12:00:00+00:00: 51 dead letters" in run("list")[0]

    assert rows_of("resume", "--topic", "notifications.daily") == []
    assert [row["topic"] for row in rows_of("resume")] == ["notifications.retry"]

    assert held.held(Topic.RETRY) is None
    assert [(e.actor, e.target) for e in AuditEntry.objects.filter(action="hold_ended")] == [
        ("command", "notifications.retry")
    ]


# bad input


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--since", "yesterday"), "since: 'yesterday' is no instant. Write 2h, 3d, or"),
        (("list", "--since", "2026-03-08T09:00"), "since: '2026-03-08T09:00' does not say in which zone"),
        (("list", "--channel", "pigeon"), "channel: 'pigeon' is no channel. Use one of"),
        (("list", "--max", "0"), "max: '0' is not a whole number from 1 to 10000"),
        (("redrive", "--rate", "fast"), "rate: 'fast' is not a whole number from 1 to 1000"),
        (("redrive", "17"), "id: '17' is not a notification's id. Give a UUID"),
        (("redrive", str(uuid4()), "--reason", "x"), "reason: it does not go with ids"),
        (("redrive", str(uuid4()), str(uuid4()), "--max", "1"), "max: 2 ids are given and 1 may be brought back"),
        (("show", "nothing"), "id: 'nothing' is not a notification's id"),
        (("show", "a:b:c"), "id: 'a:b:c' is no place. Write topic:partition:offset"),
        (("show", "notifications.daily:0:1"), "There is no dead letter of notifications.daily:0:1"),
        (("show", str(PLACE.offset) * 16), "There is no dead letter of"),
        (("expire", "--days", "none"), "days: 'none' is not a whole number from 1 to"),
        (("resume", "--topic", "mine"), "topic: 'mine' is none"),
    ],
)
def test_a_bad_argument_is_named_with_its_fix(arguments, said):
    with pytest.raises(CommandError, match=said.replace("(", r"\(")):
        run(*arguments)


def test_the_obstacles_all_have_a_sentence():
    assert set(dead_letters.OBSTACLES) == set(Obstacle)


def test_what_waits_refused_for_good_is_tried_again_when_the_operator_says_so_but_not_what_may_have_been_sent(store):
    first, doubt = staged(store, [a_person(), a_person()])
    for entry, reason in ((first, "smtp_535"), (doubt, OUTCOME_UNKNOWN)):
        refused(store, entry, Failure(FailureKind.PERMANENT, reason))
    holding.PostgresHolds().hold(Topic.RETRY, "email: 51 dead letters in a row", NOON)

    text, _ = run("resume", "--try-again")

    assert "tried again: 1" in text
    kinds = {
        one.envelope.id: one.envelope.failure.kind
        for one in store.undecided([record_of(first), record_of(doubt)], LATER)[1]
    }
    assert kinds == {first.id: FailureKind.TRANSIENT, doubt.id: FailureKind.PERMANENT}
    assert AuditEntry.objects.get(action="hold_ended").detail == {"tried_again": 1}
