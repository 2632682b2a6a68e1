"""The cache and its twin under an operator's eyes: what they hold of some, and what is put over it."""

from dataclasses import replace

from healthnotify.domain.lifecycle import State
from healthnotify.pipeline.ports import DueIndex, Looked
from tests.contract.test_staging import (
    HIDE,
    MINUTE,
    NOW,
    PUBLISHED,
    an_entry,
    an_id,
    due_ids,
    memory_staging,
    redis_staging,
    staging,
)

__all__ = ["memory_staging", "redis_staging", "staging"]

DAILY = frozenset([DueIndex.DAILY])


def test_it_tells_what_it_holds_and_in_which_index_and_nothing_of_what_it_does_not_know(staging):
    first, second = an_entry(1), an_entry(2)
    staging.put([first, second])
    staging.follow([PUBLISHED])  # the first

    found = staging.look([first.id, second.id, an_id(3)])

    assert set(found) == {first.id, second.id}
    assert (found[first.id].entry.state, found[first.id].indexes) == (State.PENDING, frozenset())
    assert found[second.id] == Looked(second, DAILY)


def test_what_is_put_over_it_stays_though_what_was_there_was_newer(staging):
    entry = an_entry(1)
    staging.put([entry])
    staging.follow([PUBLISHED])
    staging.put([entry])
    assert staging.look([entry.id])[entry.id].entry.state is State.PENDING

    staging.replace([entry])

    assert staging.look([entry.id]) == {entry.id: Looked(entry, DAILY)}
    assert due_ids(staging, now=entry.due_at) == [entry.id]


def test_what_waits_in_the_wrong_index_is_moved_to_its_own(staging):
    staged = an_entry(1)
    retried = replace(staged, state=State.RETRY, attempt=1, due_at=NOW + MINUTE)
    staging.put([retried])

    staging.replace([staged])

    assert staging.look([staged.id])[staged.id].indexes == DAILY
    assert staging.due(DueIndex.RETRY, NOW + MINUTE, 9, HIDE) == []
