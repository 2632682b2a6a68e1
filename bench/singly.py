"""What a task queue's user writes: a statement a notification for the claim, and one for the outcome."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from bench.ceiling import BATCH, COMPLETE, PUBLISHED, claim, database, send, unseal

STAGED = "SELECT id FROM ceiling.notifications WHERE state = 'STAGED' LIMIT %s"


def publish(enqueue: Callable[[str], Any]) -> None:
    """Enqueue, then move, for ever. The other way round a crash in between loses one; a batch enqueues many twice."""
    connection = database()
    while True:
        due = connection.execute(STAGED, (BATCH,)).fetchall()
        for (id_,) in due:
            enqueue(str(id_))
            connection.execute(PUBLISHED, ([id_], [0], [0], datetime.now(UTC)))
        if not due:
            time.sleep(0.02)


def deliver(connection: psycopg.Connection[Any], id_: str) -> None:
    """Claim, open, send, record."""
    for claimed, claim_id, sealed in claim(connection, [UUID(id_)]):
        send(unseal(claimed, sealed))
        connection.execute(COMPLETE, ([claimed], [claim_id], datetime.now(UTC)))
