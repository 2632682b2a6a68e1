"""The table of moves: every state and event, and what must hold of any such table."""

from itertools import product

import pytest

from healthnotify.domain.errors import IllegalMove
from healthnotify.domain.lifecycle import BEGINNING, ENDED, MOVES, OPEN, Event, State, after, before

PAIRS = list(product(State, Event))


def reachable(start: State, *, without: Event | None = None) -> set[State]:
    """`start` and every state that some sequence of events leads to from there."""
    seen, edge = {start}, [start]
    while edge:
        state = edge.pop()
        found = {MOVES[pair] for pair in MOVES if pair[0] is state and pair[1] is not without} - seen
        seen |= found
        edge += found
    return seen


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_every_pair_either_moves_as_the_table_says_or_is_refused(state: State, event: Event) -> None:
    if (state, event) in MOVES:
        assert after(state, event) is MOVES[state, event]
    else:
        with pytest.raises(IllegalMove, match=f"{state}.*{event}"):
            after(state, event)


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_before_is_the_inverse_of_after(state: State, event: Event) -> None:
    assert (state in before(event)) == ((state, event) in MOVES)


def test_a_completed_notification_never_changes() -> None:
    assert [event for event in Event if (State.COMPLETED, event) in MOVES] == []


def test_ended_states_are_left_only_by_a_late_success_or_by_an_operator() -> None:
    leaving = {(state, event): MOVES[state, event] for state, event in MOVES if state in ENDED}

    assert leaving == {
        (State.CANCELLED, Event.ACCEPTED): State.COMPLETED,
        (State.FAILED, Event.REDRIVEN): State.PENDING,
    }


def test_every_state_is_reached_from_the_beginning() -> None:
    assert reachable(BEGINNING) == set(State)


@pytest.mark.parametrize("state", sorted(OPEN))
def test_every_open_state_can_still_succeed_fail_or_be_cancelled(state: State) -> None:
    assert reachable(state) >= ENDED


@pytest.mark.parametrize("state", sorted(OPEN))
def test_every_open_state_can_be_cancelled_at_once(state: State) -> None:
    assert after(state, Event.CANCELLED) is State.CANCELLED


def test_open_and_ended_share_nothing_and_miss_nothing() -> None:
    assert set(State) == OPEN | ENDED
    assert not OPEN & ENDED


@pytest.mark.parametrize(
    ("state", "cause"),
    [(State.COMPLETED, Event.ACCEPTED), (State.FAILED, Event.GAVE_UP), (State.CANCELLED, Event.CANCELLED)],
)
def test_every_end_has_one_cause(state: State, cause: Event) -> None:
    assert {event for (_, event), following in MOVES.items() if following is state} == {cause}


def test_a_failure_passes_through_the_retry_consumer() -> None:
    assert before(Event.GAVE_UP) == {State.RETRY}
    assert {after(State.PENDING, event) for event in (Event.REFUSED, Event.DEFERRED)} == {State.RETRY}


def test_nothing_goes_on_the_road_before_its_text_is_written() -> None:
    assert not reachable(BEGINNING, without=Event.WRITTEN) & {State.STAGED, State.PENDING, State.RETRY}


def test_planning_is_a_beginning_and_no_move() -> None:
    assert before(Event.PLANNED) == frozenset()


def test_names_are_stable_because_rows_and_records_carry_them() -> None:
    assert all(state.value == state.name for state in State)
    assert all(event.value == event.name.lower() for event in Event)
