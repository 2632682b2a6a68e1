"""`restage` on the real PostgreSQL and the real Valkey: what is missing or wrong in the cache is put right."""

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from pydantic import SecretStr

from healthnotify.apps.notifications.models import Move, Notification
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Channel
from healthnotify.pipeline.ports import DueIndex
from healthnotify.pipeline.publish import publish
from tests.builders import NOON, a_person, a_preference, staged
from tests.contract.test_staging import redis_staging
from tests.postgres_store import TestedPostgres
from tests.store_steps import LATER, MINUTE, claim, published, waiting
from tests.world import World

__all__ = ["redis_staging"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def store():
    return TestedPostgres()


@pytest.fixture
def cache(redis_staging, valkey, settings):
    """Empty, and the one that the command finds in its environment."""
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"redis_url": SecretStr(valkey.url)})
    return redis_staging


def restage(*arguments):
    out = StringIO()
    call_command("restage", *arguments, "--json", stdout=out)
    return {row["what"]: row["count"] for row in json.loads(out.getvalue())}


def counts(*, same=0, missing=0, unindexed=0, different=0, mended=0, dry=False):
    return {
        "as in PostgreSQL": same,
        "missing in the cache": missing,
        "in the wrong due index, or in none": unindexed,
        "different from PostgreSQL": different,
        "to be put right" if dry else "put right": mended,
    }


def all_kinds(store):
    """One of each open state that has a text, and one that is completed."""
    people = [a_person() for _ in range(5)]
    entries = staged(store, people)
    published(store, entries[1])
    waiting(store, entries[2], LATER + MINUTE)
    published(store, entries[3])
    claim(store, entries[3])
    store.cancel({entries[4].id: "expired"}, LATER)
    return entries


def everything_stood_still(before):
    return before == (list(Notification.objects.order_by("id").values()), Move.objects.count())


def snapshot():
    return list(Notification.objects.order_by("id").values()), Move.objects.count()


def test_an_empty_cache_is_filled_with_what_is_open_and_nothing_moves(store, cache):
    entries = all_kinds(store)
    before = snapshot()

    assert restage("--all") == counts(missing=4, mended=4)

    held = {one.entry.id: one.entry.state for one in cache.entries()}
    assert held == dict(
        zip([e.id for e in entries[:4]], [State.STAGED, State.PENDING, State.RETRY, State.PENDING], strict=True)
    )
    assert [one.id for one in cache.due(DueIndex.DAILY, LATER, 9, MINUTE)] == [entries[0].id]
    assert [one.id for one in cache.due(DueIndex.RETRY, LATER + MINUTE, 9, MINUTE)] == [entries[2].id]
    assert everything_stood_still(before)
    assert restage("--all") == counts(same=4)


def test_a_dry_run_says_the_same_and_puts_nothing_right(store, cache):
    staged(store)

    assert restage("--all", "--dry-run") == counts(missing=1, mended=1, dry=True)
    assert list(cache.entries()) == []


def test_what_is_wrong_is_put_right_even_where_the_cache_believes_to_know_better(store, cache):
    ahead, other, unindexed, right = staged(store, [a_person() for _ in range(4)])
    cache.put([replace(ahead, state=State.RETRY, attempt=3, due_at=LATER), unindexed, right])
    cache.put([replace(other, sealed="v1:kid:nonce:other")])
    cache._redis.zrem("healthnotify:due:daily", str(unindexed.id))

    assert restage("--all") == counts(same=1, unindexed=1, different=2, mended=3)

    looked = cache.look([one.id for one in (ahead, other, unindexed)])
    assert [looked[one.id].entry for one in (ahead, other, unindexed)] == [ahead, other, unindexed]
    assert {one.indexes for one in looked.values()} == {frozenset([DueIndex.DAILY])}


def test_what_the_cache_has_heard_of_every_move_of_is_as_in_postgresql(store, cache):
    entries = staged(store, [a_person() for _ in range(3)])
    cache.put(entries)
    steps = published(store, entries[0]) + waiting(store, entries[1], LATER + MINUTE)
    cache.follow(steps)
    cache.follow(store.latest([entries[1].id]))

    assert restage("--all") == counts(same=3)


def test_a_channel_and_an_id_choose_what_is_looked_at(store, cache):
    (mail,) = staged(store)
    (text,) = staged(store, [a_person(preferences=(a_preference(Channel.SMS),))])

    assert restage("--channel", "sms") == counts(missing=1, mended=1)
    assert restage("--id", str(mail.id), "--id", str(text.id)) == counts(same=1, missing=1, mended=1)


def test_what_has_ended_needs_no_entry_and_one_that_is_wrong_is_put_right(store, cache):
    (entry,) = staged(store)
    store.cancel({entry.id: "expired"}, LATER)

    assert restage("--id", str(entry.id)) == counts(same=1)
    cache.put([entry])
    assert restage("--id", str(entry.id)) == counts(different=1, mended=1)
    assert cache.due(DueIndex.DAILY, LATER, 9, MINUTE) == []


def test_what_is_put_back_in_the_middle_of_its_publishing_is_not_sent_twice(store, cache, monkeypatch):
    """The worst moment: the producer has published it, and the entry of before comes back into the due index."""
    (entry,) = staged(store)
    road = World().road
    again = []

    def as_it_was(ids):
        again.append(ids)
        return [entry]

    monkeypatch.setattr("healthnotify.commands.restaging.entries_of", as_it_was)
    monkeypatch.setattr("healthnotify.commands.restaging.open_entries", lambda *_: [] if again else [entry])
    published(store, entry)
    restage("--all")
    assert [one.id for one in cache.due(DueIndex.DAILY, LATER, 9, timedelta(0))] == [entry.id]

    steps = publish(DueIndex.DAILY, now=LATER, limit=9, store=store, staging=cache, road=road)

    assert steps == []  # announced, and PostgreSQL says that it was published already
    assert cache.due(DueIndex.DAILY, LATER, 9, MINUTE) == []
    assert [move.event for move in Move.objects.filter(notification_id=entry.id).order_by("id")][-1] == Event.PUBLISHED
    assert [claim(store, entry).answer, claim(store, entry).answer] == ["claimed", "busy"]


def test_without_redis_it_says_so_and_ends_with_an_error(store, settings):
    staged(store)
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"redis_url": SecretStr("redis://localhost:1/0")})

    with pytest.raises(CommandError, match="Redis is unavailable"):
        restage("--all")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "one of --id, --channel and --all is needed"),
        (("--all", "--channel", "sms"), "and only one"),
        (("--id", "17"), "'17' is not a notification's id"),
        (("--channel", "pigeon"), "channel: 'pigeon' is no channel. Use one of email, sms, webhook"),
    ],
)
def test_a_bad_argument_is_named_with_its_fix(arguments, said, cache):
    with pytest.raises(CommandError, match=said):
        restage(*arguments)


def test_an_id_that_nobody_knows_is_named(cache):
    nobody = uuid4()
    with pytest.raises(CommandError, match=f"no notification {nobody}"):
        restage("--id", str(nobody))


def test_a_cold_cache_is_told_of(store, cache):
    staged(store)
    cache.clear()
    out = StringIO()

    call_command("restage", "--all", stdout=out)

    assert "The cache is cold" in out.getvalue()
    assert UUID(out.getvalue().split("put right: ")[1].split()[0])


def test_times_stand_as_they_are(store, cache):
    """To the microsecond: else each run would find differences, and mend what is right."""
    staged(store, at=NOON + timedelta(microseconds=7))
    restage("--all")

    assert restage("--all") == counts(same=1)
