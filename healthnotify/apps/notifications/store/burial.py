"""Dead letters without a notification to move: bytes that are not ours, ids that nobody knows."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from healthnotify.apps.database import rows
from healthnotify.domain.delivery import DeadLetter, Poison

MOST_BYTES: Final = 16 * 1024

BURY: Final = """
    INSERT INTO dead_letters (notification_id, at, reason, detail, attempt, topic, partition, "offset", raw, raw_sha256,
                              raw_size)
    SELECT id, %(at)s, reason, '', attempt, topic, partition, "offset", raw, sha256, size
    FROM unnest(%(ids)s::uuid[], %(reasons)s::text[], %(attempts)s::int[], %(topics)s::text[], %(partitions)s::int[],
                %(offsets)s::bigint[], %(raws)s::bytea[], %(sha256s)s::text[], %(sizes)s::int[])
         AS t(id, reason, attempt, topic, partition, "offset", raw, sha256, size)
    ON CONFLICT DO NOTHING
"""


def bury(letters: Sequence[DeadLetter], at: datetime) -> None:
    """Keep them; a record that is read twice is kept once."""
    if letters:
        columns = zip(*(_row(letter) for letter in letters), strict=True)
        names = ("ids", "reasons", "attempts", "topics", "partitions", "offsets", "raws", "sha256s", "sizes")
        rows(BURY, {"at": at, **{name: list(column) for name, column in zip(names, columns, strict=True)}})


def _row(letter: DeadLetter) -> tuple[Any, ...]:
    identity = letter.envelope and letter.envelope.id
    attempt = letter.envelope.attempt if letter.envelope else 0
    place = letter.record and letter.record.position
    where = (place.topic, place.partition, place.offset) if place else (None, None, None)
    raw, digest, size = None, None, None
    if letter.record and isinstance(letter.record.content, Poison):
        raw = letter.record.content.raw[:MOST_BYTES]
        digest, size = hashlib.sha256(letter.record.content.raw).hexdigest(), len(letter.record.content.raw)
    return (identity, letter.reason[:64], attempt, *where, raw, digest, size)
