"""Put records that are not ours on the dead-letter topic, with their bytes, place and reason."""

from collections.abc import Sequence
from datetime import datetime

from healthnotify.domain.delivery import DeadLetter, Poison, Record, Step
from healthnotify.pipeline import caching
from healthnotify.pipeline.ports import DeliveryStore, Road, Staging


def bury(
    records: Sequence[Record], *, now: datetime, store: DeliveryStore, staging: Staging, road: Road
) -> tuple[list[Record], list[Step]]:
    """Bury what is poison among `records`; answers those that are buried, confirmed, and may be finished.

    The topic comes first, then the table: a crash in between buries the record twice on the topic, and the table
    keeps one row a place. A record that kills the process may be ours, unread as it is: then the notification behind
    it ends with it, or it would be announced again and kill as many once more. Answers the steps of those, too.
    """
    poison = [record for record in records if isinstance(record.content, Poison)]
    buried = road.bury(poison) if poison else []
    steps = store.bury([DeadLetter(_reason(record), record=record) for record in buried], now)
    caching.follow(staging, steps)
    return buried, steps


def _reason(record: Record) -> str:
    assert isinstance(record.content, Poison)
    return record.content.reason
