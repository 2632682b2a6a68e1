"""Offsets are committed up to the lowest unfinished one, whatever the order in which records are finished."""

from hypothesis import given
from hypothesis import strategies as st

from healthnotify.adapters.offsets import OffsetTracker


def tracker_with(*offsets: int, partition: int = 0) -> tuple[OffsetTracker, dict[int, object]]:
    tracker, deliveries = OffsetTracker(), {offset: object() for offset in offsets}
    tracker.assign([partition])
    for offset, delivery in deliveries.items():
        assert tracker.take(partition, offset, delivery)
    return tracker, deliveries


def test_nothing_can_be_committed_before_anything_was_taken() -> None:
    tracker, _ = tracker_with()

    assert tracker.committable() == {}


def test_a_gap_holds_the_commit_back_until_it_is_filled() -> None:
    tracker, out = tracker_with(10, 11, 12)
    tracker.finish(0, 11, out[11])
    tracker.finish(0, 12, out[12])
    assert tracker.committable() == {0: 10}

    tracker.finish(0, 10, out[10])
    assert tracker.committable() == {0: 13}


def test_offsets_that_the_log_skips_are_not_waited_for() -> None:
    tracker, out = tracker_with(3, 9)
    tracker.finish(0, 3, out[3])

    assert tracker.committable() == {0: 9}


def test_what_is_committed_is_not_committed_again() -> None:
    tracker, out = tracker_with(5)
    tracker.finish(0, 5, out[5])
    tracker.committed(tracker.committable())

    assert tracker.committable() == {}


def test_finishing_twice_is_finishing_once() -> None:
    tracker, out = tracker_with(5, 6)
    tracker.finish(0, 5, out[5])
    tracker.finish(0, 5, out[5])

    assert tracker.committable() == {0: 6}


def test_records_of_a_partition_that_is_not_ours_are_refused() -> None:
    tracker, _ = tracker_with(1)
    tracker.drop([0])

    assert not tracker.take(0, 2, object())
    assert tracker.committable() == {}


def test_a_completion_from_before_a_reassignment_does_not_count() -> None:
    tracker, old = tracker_with(5)
    tracker.drop([0])
    tracker.assign([0])
    new = object()
    tracker.take(0, 5, new)

    tracker.finish(0, 5, old[5])
    assert tracker.committable() == {0: 5}

    tracker.finish(0, 5, new)
    assert tracker.committable() == {0: 6}


def test_partitions_do_not_wait_for_each_other() -> None:
    tracker, _ = tracker_with(1, partition=0)
    tracker.assign([1])
    delivery = object()
    tracker.take(1, 7, delivery)
    tracker.finish(1, 7, delivery)

    assert tracker.committable() == {0: 1, 1: 8}


def test_in_the_works_is_what_was_begun_in_this_assignment_and_is_not_finished() -> None:
    tracker, out = tracker_with(1, 2, 3)
    tracker.assign([1])
    tracker.begin(0, 1, out[1])
    tracker.begin(0, 2, out[2])
    tracker.begin(0, 3, object())  # of an earlier assignment
    tracker.finish(0, 2, out[2])

    assert (tracker.in_the_works({0}), tracker.in_the_works({1}), tracker.in_the_works({0, 1})) == (1, 0, 1)

    tracker.finish(0, 1, out[1])
    assert tracker.in_the_works({0}) == 0


@given(st.lists(st.integers(0, 30), unique=True, min_size=1).map(sorted), st.randoms(use_true_random=False))
def test_in_any_order_the_commit_is_the_lowest_unfinished(offsets: list[int], dice) -> None:
    tracker, out = tracker_with(*offsets)
    left = list(offsets)
    for offset in dice.sample(offsets, len(offsets)):
        tracker.finish(0, offset, out[offset])
        left.remove(offset)
        assert tracker.committable() == {0: min(left, default=offsets[-1] + 1)}
