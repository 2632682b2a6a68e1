"""The same job on Dramatiq with Redis: a message a notification, the same writes to the ceiling's tables.

python -m bench.on_dramatiq     enqueues what is due, until it is ended; `dramatiq bench.on_dramatiq` does the messages

As somebody who knows it would: a pool of connections as large as there are threads, moves recorded a batch at a time.
"""

import os
from functools import cache
from typing import Any

import dramatiq
import psycopg
from dramatiq.brokers.redis import RedisBroker
from psycopg_pool import ConnectionPool

from bench import ceiling, singly

THREADS = 8

dramatiq.set_broker(RedisBroker(url=os.environ.get("REDIS_URL", "redis://localhost")))


@cache
def pool() -> ConnectionPool[psycopg.Connection[Any]]:
    """One for each process."""
    return ConnectionPool(ceiling.address(), min_size=THREADS, kwargs={"autocommit": True}, open=True)


@dramatiq.actor(max_retries=3)
def deliver(id_: str) -> None:
    """One notification, from its claim to its outcome."""
    with pool().connection() as connection:
        singly.deliver(connection, id_)


def main() -> None:
    """Enqueue what is due, for ever."""
    singly.publish(deliver.send)


if __name__ == "__main__":
    main()
