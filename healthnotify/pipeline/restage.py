"""Bring the cache in line with PostgreSQL where an operator doubts it; no notification moves by that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from healthnotify.domain.lifecycle import OPEN, State
from healthnotify.domain.model import Entry
from healthnotify.pipeline.ports import DueIndex, Inspected, Looked


class Finding(StrEnum):
    """What the cache held of a notification."""

    SAME = "same"
    MISSING = "missing"  #: it had no entry
    UNINDEXED = "unindexed"  #: it waits for its time, and no due index holds it
    DIFFERENT = "different"


@dataclass(slots=True)
class Findings:
    """How many of which, and the ids of those that were put right, or would be."""

    count: dict[Finding, int] = field(default_factory=lambda: dict.fromkeys(Finding, 0))
    mended: list[UUID] = field(default_factory=list)

    def add(self, other: "Findings") -> None:
        """Those of another batch."""
        for finding, number in other.count.items():
            self.count[finding] += number
        self.mended += other.mended


def restage(
    entries: Sequence[Entry], *, again: Callable[[Sequence[UUID]], list[Entry]], cache: Inspected, dry_run: bool
) -> Findings:
    """Compare what PostgreSQL says with what the cache holds, and put right what differs.

    What differs is read `again` before it is touched: mostly it has moved on since it was read, and the cache has heard
    of it. Should it move on just now, the cache has older news for a moment; whoever publishes that is told so by the
    claim, so nothing is sent twice, and the due index is put right by `publish`.
    """
    found = _compare(entries, cache)
    doubtful = [key for key, finding in found.items() if finding is not Finding.SAME]
    fresh = again(doubtful) if doubtful else []
    found |= _compare(fresh, cache)
    wrong = [one for one in fresh if found[one.id] is not Finding.SAME]
    if wrong and not dry_run:
        cache.replace(wrong)
    findings = Findings(mended=[one.id for one in wrong])
    for finding in found.values():
        findings.count[finding] += 1
    return findings


def _compare(entries: Sequence[Entry], cache: Inspected) -> dict[UUID, Finding]:
    looked = cache.look([one.id for one in entries]) if entries else {}
    return {one.id: _judge(one, looked.get(one.id)) for one in entries}


def _judge(entry: Entry, looked: Looked | None) -> Finding:
    cached = looked.entry if looked else None
    if cached is None:
        needed = entry.state in OPEN and entry.state is not State.PLANNED
        return Finding.MISSING if needed else Finding.SAME
    if entry.due_at is None:  # where it waits for nothing the attempt is ahead once it is announced, and no matter
        cached = replace(cached, attempt=entry.attempt)
    if cached != entry:
        return Finding.DIFFERENT
    wanted = {State.STAGED: {DueIndex.DAILY}, State.RETRY: {DueIndex.RETRY}}.get(entry.state, set())
    indexed = set(looked.indexes) if looked else set()
    return Finding.SAME if indexed == (wanted if entry.due_at else set()) else Finding.UNINDEXED
