"""Users, and staged notifications of theirs, as planner and builder leave them, written by the thousand."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient

from healthnotify import bootstrap
from healthnotify.adapters.staging import RedisStaging
from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store.ledger import about_message
from healthnotify.apps.privacy.cipher import UserKey
from healthnotify.apps.users import people
from healthnotify.apps.users.models import Address
from healthnotify.apps.users.sealing import about_address
from healthnotify.commands.invented import somebody
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Category, Channel, Entry
from healthnotify.pipeline.ports import Topic

TEXT: Final = "Ten minutes outside would bring you to your goal of today. Shall we? " * 3
CHUNK: Final = 5_000

INSERT: Final = """
    INSERT INTO notifications (id, user_id, category, channel, goal, local_date, slot, revision, timezone, wall_clock,
        send_at, expires_at, tzdata, state, updated_at, attempt, uncounted, accepted_by, message_sealed,
        message_sha256, provenance)
    SELECT id, user_id, 'nudge', %(channel)s, 'walk_more', %(at)s::date, slot, 0, 'Etc/UTC', '', %(at)s,
           %(at)s::timestamptz + interval '4 hours', '2026', 'STAGED', %(at)s, 0, 0, '{}', sealed, repeat('0', 64),
           '{"source": "template", "author": "bench", "fields": []}'
    FROM unnest(%(ids)s::uuid[], %(users)s::uuid[], %(slots)s::int[], %(sealed)s::text[])
         AS t(id, user_id, slot, sealed)
"""


@dataclass(frozen=True, slots=True)
class Reader:
    """A user and their data key."""

    id: UUID
    key: UserKey


def readers(count: int, channel: Channel = Channel.EMAIL, address: str | None = None) -> list[Reader]:
    """So many users without quiet hours who want nudges over that channel, each at an invented address or at this."""
    dice, ring = bootstrap.dice(), bootstrap.ring()
    ids = people.add([somebody(dice) for _ in range(count)], now=bootstrap.now(), ring=ring)
    rows("UPDATE users SET quiet_start = NULL, quiet_end = NULL", {})
    wants = "UPDATE preferences SET next_due_at = NULL, category = 'nudge', channel = %(channel)s"
    rows(f"{wants} WHERE user_id = ANY(%(ids)s)", {"ids": ids, "channel": channel})
    wrapped = rows("SELECT user_id, wrapped FROM data_keys WHERE user_id = ANY(%(ids)s)", {"ids": ids})
    some = [Reader(row.user_id, ring.unwrap(row.user_id, row.wrapped)) for row in wrapped]
    if address:
        Address.objects.bulk_create([_address(one, channel, address) for one in some])
    return some


def _address(reader: Reader, channel: Channel, address: str) -> Address:
    sealed = reader.key.seal(address, about_address(reader.id, channel))
    return Address(user_id=reader.id, channel=channel, address_sealed=sealed, address_index="", verified=True)


def forget() -> None:
    """No notification, no move and no record; triggers keep people from that, not the owner of the tables."""
    empty_the_road()
    rows("ALTER TABLE moves DISABLE TRIGGER USER", {})
    rows("TRUNCATE notifications, moves CASCADE", {})
    rows("ALTER TABLE moves ENABLE TRIGGER USER", {})


def empty_the_road() -> None:
    """What an earlier round has left there is not to be taken for a flood of records that nobody knows."""
    topic = Topic.DAILY.value
    admin = AdminClient({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]})
    if known := admin.list_topics(timeout=10).topics.get(topic):
        for emptied in admin.delete_records([TopicPartition(topic, n, OFFSET_END) for n in known.partitions]).values():
            emptied.result()


def stage(count: int, some: Sequence[Reader], channel: Channel = Channel.EMAIL) -> None:
    """So many that are due now, in PostgreSQL and in the cache; nothing of earlier ones stays."""
    forget()
    with cold() as cache:
        add(count, some, channel, cache)


@contextmanager
def cold() -> Iterator[RedisStaging]:
    """The cache, emptied, and not used by anybody before all that is added inside is there."""
    cache = bootstrap.staging()
    cache.clear()
    yield cache
    rows("ANALYZE notifications", {})
    cache.warm()
    cache.close()


def add(count: int, some: Sequence[Reader], channel: Channel, cache: RedisStaging, first: int = 0) -> None:
    """So many more, of which `first` says how many there are already: users take turns, a slot a turn."""
    at = bootstrap.now() - timedelta(seconds=1)
    end = first + count
    for start in range(first, end, CHUNK):
        turns = [(some[n % len(some)], 1 + n // len(some)) for n in range(start, min(start + CHUNK, end))]
        written = [(uuid4(), reader, slot) for reader, slot in turns]
        sealed = [reader.key.seal(json.dumps(["A walk", TEXT]), about_message(id_)) for id_, reader, _ in written]
        _insert(written, sealed, at, channel)
        pairs = zip(written, sealed, strict=True)
        cache.put([_entry(id_, reader.id, text, at, channel) for (id_, reader, _), text in pairs])


def _insert(written: Sequence[tuple[UUID, Reader, int]], sealed: Sequence[str], at: Any, channel: Channel) -> None:
    """Triggers keep everybody else from beginning with STAGED."""
    parameters = {
        "ids": [id_ for id_, _, _ in written],
        "users": [reader.id for _, reader, _ in written],
        "slots": [slot for _, _, slot in written],
        "sealed": sealed,
        "channel": channel,
        "at": at,
    }
    rows("ALTER TABLE notifications DISABLE TRIGGER USER", {})
    rows(INSERT, parameters)
    rows("ALTER TABLE notifications ENABLE TRIGGER USER", {})


def _entry(id_: UUID, user_id: UUID, sealed: str, at: Any, channel: Channel) -> Entry:
    return Entry(
        id=id_,
        user_id=user_id,
        state=State.STAGED,
        category=Category.NUDGE,
        channel=channel,
        timezone="Etc/UTC",
        local_date=at.date(),
        attempt=0,
        send_at=at,
        expires_at=at + timedelta(hours=4),
        due_at=at,
        sealed=sealed,
    )
