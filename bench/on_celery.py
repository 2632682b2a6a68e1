"""The same job on Celery with Redis: a task a notification, the same writes to the ceiling's tables.

python -m bench.on_celery     enqueues what is due, until it is ended; `celery -A bench.on_celery worker` does the tasks

As somebody who knows it would: late acknowledgements (a killed process loses nothing), no results kept, a prefetch that
keeps both processes busy, one producer and one connection kept open, moves recorded a batch at a time.
"""

import os
from functools import cache
from typing import Any

import psycopg
from celery import Celery

from bench import ceiling, singly

app = Celery("bench", broker=os.environ.get("REDIS_URL"))
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=64,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_pool_limit=2,
    worker_send_task_events=False,
)


@cache
def connection() -> psycopg.Connection[Any]:
    """One for each process."""
    return ceiling.database()


@app.task(name="bench.deliver")
def deliver(id_: str) -> None:
    """One notification, from its claim to its outcome."""
    singly.deliver(connection(), id_)


def main() -> None:
    """Enqueue what is due, for ever."""
    with app.producer_pool.acquire(block=True) as producer:
        singly.publish(lambda id_: deliver.apply_async((id_,), producer=producer))


if __name__ == "__main__":
    main()
