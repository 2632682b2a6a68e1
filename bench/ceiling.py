"""The ceiling: the same promises by hand, one process a verb, nothing between the loop and the sockets.

python -m bench.ceiling publish|deliver     on the services that the environment names, until it is ended

What it must do, and no more: due ids from Redis; announced, confirmed by Kafka, then moved; claimed with a lease and a
claim id, opened, sent, the outcome recorded, then committed; a move row for each move, in the statement of the move.
"""

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis import Redis

TOPIC: Final = "ceiling"
DUE: Final = "ceiling:due"
BATCH: Final = 1_000
LEASE: Final = timedelta(seconds=60)
GENERIC: Final = "-c plan_cache_mode=force_generic_plan"
NONCE: Final = 12  # bytes
CIPHER: Final = AESGCM(bytes(32))  # whose key it is costs the same
TEXT: Final = "Ten minutes outside would bring you to your goal of today. Shall we? " * 3

TABLES: Final = """
    DROP SCHEMA IF EXISTS ceiling CASCADE;
    CREATE SCHEMA ceiling;
    CREATE TABLE ceiling.notifications (
        id uuid PRIMARY KEY, user_id uuid NOT NULL, state text NOT NULL, sealed bytea NOT NULL,
        send_at timestamptz NOT NULL, attempt int NOT NULL DEFAULT 0, claim_id uuid, lease_until timestamptz,
        partition int, "offset" bigint
    ) WITH (fillfactor = 40);
    CREATE TABLE ceiling.moves (
        id bigserial PRIMARY KEY, notification_id uuid NOT NULL, at timestamptz NOT NULL, before text NOT NULL,
        after text NOT NULL, attempt int NOT NULL
    );
"""
PUBLISHED: Final = """
    WITH changed AS (
        UPDATE ceiling.notifications n SET state = 'PENDING', partition = a.partition, "offset" = a.place
        FROM unnest(%s::uuid[], %s::int[], %s::bigint[]) AS a(id, partition, place)
        WHERE n.id = a.id AND n.state = 'STAGED'
        RETURNING n.id
    )
    INSERT INTO ceiling.moves (notification_id, at, before, after, attempt)
    SELECT id, %s, 'STAGED', 'PENDING', 1 FROM changed
"""
CLAIM: Final = """
    UPDATE ceiling.notifications n SET attempt = 1, claim_id = a.claim_id, lease_until = %s
    FROM unnest(%s::uuid[], %s::uuid[]) AS a(id, claim_id)
    WHERE n.id = a.id AND n.state = 'PENDING' AND (n.attempt = 0 OR n.lease_until < %s)
    RETURNING n.id, n.claim_id, n.sealed
"""
LEFT: Final = "SELECT id FROM ceiling.notifications WHERE id = ANY(%s) AND state <> 'COMPLETED' AND id <> ALL(%s)"
COMPLETE: Final = """
    WITH changed AS (
        UPDATE ceiling.notifications n SET state = 'COMPLETED', lease_until = NULL
        FROM unnest(%s::uuid[], %s::uuid[]) AS a(id, claim_id)
        WHERE n.id = a.id AND n.claim_id = a.claim_id AND n.state = 'PENDING'
        RETURNING n.id
    )
    INSERT INTO ceiling.moves (notification_id, at, before, after, attempt)
    SELECT id, %s, 'PENDING', 'COMPLETED', 1 FROM changed
"""


def address() -> str:
    """Where PostgreSQL is, as libpq takes it.

    Plans are generic: those for a certain batch trust statistics of a moment at which nothing was PENDING yet, and then
    look through all rows for each of a batch.
    """
    given = {name: os.environ[f"POSTGRES_{name.upper()}"] for name in ("host", "port", "user", "password")}
    return psycopg.conninfo.make_conninfo(dbname=os.environ["POSTGRES_DB"], options=GENERIC, **given)


def database() -> psycopg.Connection[Any]:
    """A connection of one's own; every statement is a transaction."""
    return psycopg.connect(address(), autocommit=True)


def prepare() -> None:
    """Tables and a topic of its own."""
    with database() as connection:
        connection.execute(TABLES)
    admin = AdminClient({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]})
    for made in admin.create_topics([NewTopic(TOPIC, 12, 1)]).values():
        made.result()


def stage(count: int) -> None:
    """So many rows with sealed texts, due now; nothing of earlier ones stays."""
    ids = [(uuid4(), uuid4()) for _ in range(count)]
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE ceiling.notifications, ceiling.moves")
        columns = "id, user_id, state, sealed, send_at"
        with cursor.copy(f"COPY ceiling.notifications ({columns}) FROM STDIN") as rows:
            for id_, user in ids:
                rows.write_row((id_, user, "STAGED", seal(id_), datetime.now(UTC)))
        cursor.execute("ANALYZE ceiling.notifications")
    cache, now = Redis.from_url(os.environ["REDIS_URL"]), time.time()
    cache.delete(DUE)
    for start in range(0, count, BATCH):
        cache.zadd(DUE, {id_.bytes + user.bytes: now for id_, user in ids[start : start + BATCH]})


def seal(id_: UUID) -> bytes:
    """The text, bound to its row."""
    nonce = os.urandom(NONCE)
    return nonce + CIPHER.encrypt(nonce, TEXT.encode(), id_.bytes)


def unseal(id_: UUID, sealed: bytes) -> str:
    """The text again."""
    return CIPHER.decrypt(sealed[:NONCE], sealed[NONCE:], id_.bytes).decode()


def publish() -> None:
    """STAGED -> PENDING, for ever."""
    producer = Producer(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 2,
            "compression.type": "lz4",
        }
    )
    cache, connection = Redis.from_url(os.environ["REDIS_URL"]), database()
    while True:
        due = cache.zrange(DUE, 0, int(time.time()), byscore=True, offset=0, num=BATCH)
        confirmed: list[Any] = []
        heard = partial(_heard, confirmed)
        for member in due:
            producer.produce(TOPIC, member[:16], member[16:], on_delivery=heard)
        producer.flush()
        if confirmed:
            ids = [UUID(bytes=record.value()) for record in confirmed]
            places = [record.partition() for record in confirmed], [record.offset() for record in confirmed]
            connection.execute(PUBLISHED, (ids, *places, datetime.now(UTC)))
            cache.zrem(DUE, *(record.value() + record.key() for record in confirmed))
        else:
            time.sleep(0.02)


def _heard(confirmed: list[Any], error: Any, record: Any) -> None:
    if error is None:
        confirmed.append(record)


def deliver() -> None:
    """PENDING -> COMPLETED, for ever."""
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": TOPIC,
            "group.protocol": "consumer",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([TOPIC])
    connection = database()
    while True:
        records = consumer.consume(BATCH, 0.02)
        if not records:
            continue
        claimed = claim(connection, [UUID(bytes=record.value()) for record in records])
        for id_, _, sealed in claimed:
            send(unseal(id_, sealed))
        ids, claims = [row[0] for row in claimed], [row[1] for row in claimed]
        connection.execute(COMPLETE, (ids, claims, datetime.now(UTC)))
        consumer.commit(offsets=list(after(records)), asynchronous=True)


def claim(connection: psycopg.Connection[Any], ids: list[UUID]) -> list[Any]:
    """All that have not ended. What is not moved yet, or is leased, is waited for: skipping it would lose it."""
    claimed: list[Any] = []
    while ids:
        now = datetime.now(UTC)
        fresh = connection.execute(CLAIM, (now + LEASE, ids, [uuid4() for _ in ids], now)).fetchall()
        claimed += fresh
        if len(fresh) == len(ids):
            break
        time.sleep(0.005)
        ids = [row[0] for row in connection.execute(LEFT, (ids, [row[0] for row in claimed]))]
    return claimed


def after(records: list[Any]) -> Iterator[TopicPartition]:
    """Where to go on: the offset behind the last of each partition."""
    last = {record.partition(): record.offset() for record in records}
    yield from (TopicPartition(TOPIC, partition, offset + 1) for partition, offset in last.items())


def send(_: str) -> None:
    """A channel that does nothing."""


if __name__ == "__main__":
    {"publish": publish, "deliver": deliver}[sys.argv[1]]()
