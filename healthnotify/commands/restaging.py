"""The work of `restage`: which notifications are compared with the cache, and what came of it, as rows of a table."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.notifications.restaging import entries_of, open_entries
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Channel, Entry
from healthnotify.pipeline.ports import Inspected
from healthnotify.pipeline.restage import Finding, Findings, restage

CHUNK: Final = 500
ROW: Final = ("what", "count")
SHOWN: Final = 20  #: ids of those that were put right


def choice(ids: Sequence[UUID], channel: Channel | None, *, everything: bool) -> Iterator[list[Entry]]:
    """The entries, as PostgreSQL has them, of exactly one of the three, some hundred at a time. Raises `BadInput`."""
    if sum([bool(ids), channel is not None, everything]) != 1:
        raise BadInput("id", "one of --id, --channel and --all is needed, and only one", "Say which are in doubt")
    return _of_ids(ids) if ids else _open(channel)


def compare(batches: Iterator[list[Entry]], cache: Inspected, *, dry_run: bool) -> Findings:
    """Put right what differs. Raises `Unavailable`; what was put right before that stays so."""
    total = Findings()
    for entries in batches:
        total.add(restage(entries, again=entries_of, cache=cache, dry_run=dry_run))
    return total


def table(findings: Findings, *, dry_run: bool) -> list[dict[str, Any]]:
    """Rows of `ROW`."""
    words = {
        Finding.SAME: "as in PostgreSQL",
        Finding.MISSING: "missing in the cache",
        Finding.UNINDEXED: "in the wrong due index, or in none",
        Finding.DIFFERENT: "different from PostgreSQL",
    }
    told = [{"what": words[finding], "count": number} for finding, number in findings.count.items()]
    return [*told, {"what": "to be put right" if dry_run else "put right", "count": len(findings.mended)}]


def _of_ids(ids: Sequence[UUID]) -> Iterator[list[Entry]]:
    found = entries_of(ids)
    unknown = sorted(set(ids) - {entry.id for entry in found})
    if unknown:
        raise BadInput("id", f"no notification {unknown[0]}", "Take an id from a log line or the evidence")
    yield found


def _open(channel: Channel | None) -> Iterator[list[Entry]]:
    last: UUID | None = None
    while found := open_entries(channel, last, CHUNK):
        yield found
        last = found[-1].id
