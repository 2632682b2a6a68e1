"""Put records that are not ours on the dead-letter topic, with their bytes, place and reason."""

from collections.abc import Sequence
from datetime import datetime

from healthnotify.domain.delivery import DeadLetter, Poison, Record
from healthnotify.pipeline.ports import DeliveryStore, Road


def bury(records: Sequence[Record], *, now: datetime, store: DeliveryStore, road: Road) -> list[Record]:
    """Bury what is poison among `records`; answers those that are buried, confirmed, and may be finished.

    The topic comes first, then the table: a crash in between buries the record twice on the topic, and the table
    keeps one row a place.
    """
    poison = [record for record in records if isinstance(record.content, Poison)]
    buried = road.bury(poison) if poison else []
    store.bury([DeadLetter(_reason(record), record=record) for record in buried], now)
    return buried


def _reason(record: Record) -> str:
    assert isinstance(record.content, Poison)
    return record.content.reason
