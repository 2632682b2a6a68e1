"""The cache and its twin keep the same promises."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from healthnotify.adapters.memory.staging import MemoryStaging
from healthnotify.adapters.staging import RedisStaging, connect
from healthnotify.adapters.staging.keys import CHUNK, KEPT
from healthnotify.domain.delivery import Due, Step
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import NAMESPACE, Category, Channel, Entry
from healthnotify.embedded.valkey import Valkey
from healthnotify.pipeline.ports import DueIndex

pytest_plugins = ("tests.valkey_fixture",)

NOW = datetime(2099, 3, 8, 9, tzinfo=UTC)  # the server's own clock must not have passed any expiry
MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HIDE = timedelta(seconds=30)

Staging = MemoryStaging | RedisStaging


@pytest.fixture
def redis_staging(valkey: Valkey) -> Iterator[RedisStaging]:
    made = connect(valkey.url)
    made._redis.flushall()
    made.warm()
    yield made
    made.close()


@pytest.fixture
def memory_staging() -> MemoryStaging:
    made = MemoryStaging()
    made.warm()
    return made


@pytest.fixture(params=["memory", "redis"])
def staging(request: pytest.FixtureRequest) -> Staging:
    return request.getfixturevalue(f"{request.param}_staging")


def an_entry(number: int = 1, **different: object) -> Entry:
    entry = Entry(
        id=an_id(number),
        user_id=an_id(-number),
        state=State.STAGED,
        category=Category.NUDGE,
        channel=Channel.EMAIL,
        timezone="Europe/Berlin",
        local_date=date(2099, 3, 8),
        attempt=0,
        send_at=NOW,
        expires_at=NOW + timedelta(hours=4),
        due_at=NOW,
        sealed="v1:kid:nonce:text",
    )
    return replace(entry, **different)


def an_id(number: int) -> UUID:
    return uuid5(NAMESPACE, str(number))


def a_step(event: Event, after: State, **different: object) -> Step:
    step = Step(id=an_id(1), event=event, before=None, after=after, at=NOW, attempt=1)
    return replace(step, **different)


def a_due(entry: Entry) -> Due:
    return Due(entry.id, entry.user_id, entry.category, entry.channel, entry.attempt, entry.send_at, entry.expires_at)


def due_ids(staging: Staging, index: DueIndex = DueIndex.DAILY, *, now: datetime = NOW, limit: int = 9) -> list[UUID]:
    found = staging.due(index, now, limit, HIDE)
    assert found is not None
    return [one.id for one in found]


def state_of(staging: Staging, number: int = 1) -> State | None:
    return next((one.entry.state for one in staging.entries() if one.entry.id == an_id(number)), None)


PUBLISHED = a_step(Event.PUBLISHED, State.PENDING, before=State.STAGED)
REFUSED = a_step(Event.REFUSED, State.RETRY, before=State.PENDING)
SCHEDULED = a_step(Event.SCHEDULED, State.RETRY, before=State.RETRY, due_at=NOW + MINUTE)
REPUBLISHED = a_step(Event.REPUBLISHED, State.PENDING, before=State.RETRY, attempt=2)
ACCEPTED = a_step(Event.ACCEPTED, State.COMPLETED, before=State.PENDING, attempt=2)
GAVE_UP = a_step(Event.GAVE_UP, State.FAILED, before=State.RETRY)
CANCELLED = a_step(Event.CANCELLED, State.CANCELLED, before=State.STAGED, attempt=0)
REDRIVEN = a_step(Event.REDRIVEN, State.PENDING, before=State.FAILED)
WRITTEN = a_step(Event.WRITTEN, State.STAGED, before=State.PLANNED, attempt=0)


class TestDue:
    def test_what_is_put_is_due_at_its_instant_with_all_that_an_envelope_needs(self, staging):
        entry = an_entry(send_at=NOW + 7 * MICROSECOND, attempt=3)
        staging.put([entry])

        assert staging.due(DueIndex.DAILY, NOW, 9, HIDE) == [a_due(entry)]

    def test_nothing_is_early_by_a_microsecond(self, staging):
        staging.put([an_entry(due_at=NOW + MICROSECOND)])

        assert due_ids(staging, now=NOW) == []
        assert due_ids(staging, now=NOW + timedelta(milliseconds=1) - MICROSECOND) == []
        assert due_ids(staging, now=NOW + timedelta(milliseconds=1)) == [an_id(1)]

    def test_the_earliest_come_first_and_no_more_than_asked_for(self, staging):
        staging.put([an_entry(number, due_at=NOW - number * MINUTE) for number in (2, 4, 1, 3)])

        assert due_ids(staging, limit=3) == [an_id(4), an_id(3), an_id(2)]
        assert due_ids(staging, limit=3) == [an_id(1)]
        assert due_ids(staging, limit=0) == []

    def test_what_was_given_away_is_hidden_from_others_and_comes_back(self, staging):
        staging.put([an_entry()])

        assert due_ids(staging) == [an_id(1)]
        assert due_ids(staging, now=NOW + HIDE - MICROSECOND) == []
        assert due_ids(staging, now=NOW + HIDE) == [an_id(1)]

    def test_what_is_put_again_unchanged_stays_hidden(self, staging):
        staging.put([an_entry()])
        due_ids(staging)
        staging.put([an_entry()])

        assert due_ids(staging) == []
        assert due_ids(staging, now=NOW + HIDE) == [an_id(1)]

    def test_an_entry_without_a_due_time_waits_nowhere(self, staging):
        staging.put([an_entry(state=State.PENDING, attempt=1, due_at=None)])

        assert due_ids(staging) == []
        assert due_ids(staging, DueIndex.RETRY) == []
        assert state_of(staging) is State.PENDING

    def test_a_retry_waits_in_its_own_index(self, staging):
        staging.put([an_entry(state=State.RETRY, attempt=1)])

        assert due_ids(staging) == []
        assert due_ids(staging, DueIndex.RETRY) == [an_id(1)]

    def test_a_batch_of_any_size_is_put_and_found_in_order(self, staging):
        entries = [an_entry(number, due_at=NOW - number * MICROSECOND * 1_000) for number in range(2 * CHUNK + 1)]
        staging.put(entries)

        assert due_ids(staging, limit=len(entries) + 1) == [entry.id for entry in reversed(entries)]

    def test_empty_batches_are_fine(self, staging):
        staging.put([])
        staging.follow([])

        assert list(staging.entries()) == []


class TestFollow:
    def test_what_is_published_waits_no_longer(self, staging):
        staging.put([an_entry()])
        staging.follow([PUBLISHED])

        assert due_ids(staging, now=NOW + HIDE) == []
        assert state_of(staging) is State.PENDING

    def test_a_scheduled_retry_is_due_at_its_time_with_its_attempt(self, staging):
        entry = an_entry()
        staging.put([entry])
        staging.follow([PUBLISHED, REFUSED, SCHEDULED])

        assert due_ids(staging, DueIndex.RETRY, now=NOW + MINUTE - MICROSECOND) == []
        assert staging.due(DueIndex.RETRY, NOW + MINUTE, 9, HIDE) == [replace(a_due(entry), attempt=1)]
        assert due_ids(staging, now=NOW + MINUTE) == []

    @pytest.mark.parametrize("step", [REPUBLISHED, ACCEPTED, GAVE_UP, replace(CANCELLED, attempt=1)])
    def test_a_retry_that_moves_on_leaves_the_index(self, staging, step):
        staging.put([an_entry(state=State.RETRY, attempt=1)])
        staging.follow([step])

        assert due_ids(staging, DueIndex.RETRY, now=NOW + HIDE) == []
        assert state_of(staging) is step.after

    def test_what_has_ended_is_kept_for_two_more_days(self, staging):
        staging.put([an_entry(1), an_entry(2)])
        staging.follow([replace(CANCELLED, at=NOW + MINUTE)])

        kept = {one.entry.id: one.kept_until for one in staging.entries()}
        assert kept == {an_id(1): NOW + MINUTE + KEPT, an_id(2): an_entry().expires_at + KEPT}

    def test_a_step_without_an_entry_makes_no_half_entry(self, staging):
        staging.follow([SCHEDULED])

        assert list(staging.entries()) == []
        assert due_ids(staging, DueIndex.RETRY, now=NOW + MINUTE) == []

    def test_steps_of_one_batch_are_followed_in_any_order(self, staging):
        life = [PUBLISHED, REFUSED, SCHEDULED, REPUBLISHED, ACCEPTED]
        for number, order in enumerate(permutations(life), start=1):
            staging.put([an_entry(number)])
            staging.follow([replace(step, id=an_id(number)) for step in order])

        assert {one.entry.state for one in staging.entries()} == {State.COMPLETED}
        assert due_ids(staging, now=NOW + MINUTE) == due_ids(staging, DueIndex.RETRY, now=NOW + MINUTE) == []

    @pytest.mark.parametrize(
        ("known", "late", "state"),
        [
            ([PUBLISHED, REFUSED, SCHEDULED], PUBLISHED, State.RETRY),  # a slow producer
            ([PUBLISHED, REFUSED], PUBLISHED, State.RETRY),
            ([PUBLISHED, SCHEDULED], REFUSED, State.RETRY),  # a slow consumer
            ([PUBLISHED, REFUSED, SCHEDULED, REPUBLISHED], SCHEDULED, State.PENDING),
            ([PUBLISHED, ACCEPTED], CANCELLED, State.COMPLETED),
            ([CANCELLED], ACCEPTED, State.COMPLETED),  # success is a fact
            ([PUBLISHED, REFUSED, GAVE_UP], REDRIVEN, State.PENDING),
            ([PUBLISHED, REFUSED, GAVE_UP, REDRIVEN, replace(REFUSED, attempt=2)], REDRIVEN, State.RETRY),
            ([PUBLISHED, REFUSED, GAVE_UP], SCHEDULED, State.FAILED),
            ([PUBLISHED, REFUSED, GAVE_UP, REDRIVEN], SCHEDULED, State.PENDING),
            ([PUBLISHED, REFUSED, GAVE_UP, REDRIVEN], GAVE_UP, State.PENDING),
        ],
    )
    def test_a_late_report_undoes_no_news(self, staging, known, late, state):
        staging.put([an_entry()])
        staging.follow(known)
        staging.follow([late])

        assert state_of(staging) is state
        waits = due_ids(staging, DueIndex.RETRY, now=NOW + MINUTE)
        assert waits == ([an_id(1)] if state is State.RETRY and SCHEDULED in known else [])
        assert due_ids(staging, now=NOW + MINUTE) == []

    def test_the_builders_own_step_leaves_what_it_has_just_put_due(self, staging):
        staging.put([an_entry()])
        staging.follow([WRITTEN])

        assert due_ids(staging) == [an_id(1)]


class TestPut:
    @pytest.mark.parametrize("step", [PUBLISHED, REFUSED, SCHEDULED, ACCEPTED, GAVE_UP, CANCELLED])
    def test_a_slow_builder_brings_nothing_back(self, staging, step):
        staging.put([an_entry()])
        staging.follow([step])
        staging.put([an_entry()])

        assert state_of(staging) is step.after
        assert due_ids(staging) == []

    def test_a_retry_that_was_put_late_is_not_brought_back(self, staging):
        staging.put([an_entry()])
        staging.follow([REPUBLISHED])
        staging.put([an_entry(state=State.RETRY, attempt=1)])

        assert state_of(staging) is State.PENDING
        assert due_ids(staging, DueIndex.RETRY) == []

    def test_of_two_times_for_one_retry_the_later_one_counts(self, staging):
        later = an_entry(state=State.RETRY, attempt=1, due_at=NOW + MINUTE)
        staging.put([later])
        staging.put([replace(later, due_at=NOW)])
        assert due_ids(staging, DueIndex.RETRY) == []

        staging.put([replace(later, due_at=NOW + 2 * MINUTE)])
        assert due_ids(staging, DueIndex.RETRY, now=NOW + MINUTE) == []
        assert due_ids(staging, DueIndex.RETRY, now=NOW + 2 * MINUTE) == [an_id(1)]

    def test_an_entry_is_kept_whole(self, staging):
        entry = an_entry(send_at=NOW + MICROSECOND, sealed="v1:schlüssel:ё\n\x00", timezone="America/Indiana/Knox")
        staging.put([entry])

        assert [one.entry for one in staging.entries()] == [entry]


class TestWarmth:
    def test_it_is_cold_until_somebody_has_filled_it(self, staging):
        staging.put([an_entry()])
        staging.clear()

        assert staging.is_cold()
        assert staging.due(DueIndex.DAILY, NOW, 9, HIDE) is None
        assert list(staging.entries()) == []

    def test_a_rebuild_makes_it_warm(self, staging):
        staging.clear()
        staging.put([an_entry()])
        staging.warm()

        assert not staging.is_cold()
        assert due_ids(staging) == [an_id(1)]

    def test_what_an_operator_forgets_during_a_rebuild_makes_it_incomplete(self, staging):
        staging.clear()
        staging.put([an_entry()])
        staging.forget()
        staging.warm()
        assert staging.is_cold()

        staging.clear()
        staging.warm()
        assert not staging.is_cold()


class TestReading:
    BERLIN = an_entry(1, send_at=NOW + MINUTE)
    EARLIER = an_entry(2)
    TOMORROW = an_entry(3, local_date=date(2099, 3, 9), send_at=NOW + timedelta(days=1))
    TOKYO = an_entry(4, timezone="Asia/Tokyo")

    @pytest.fixture(autouse=True)
    def entries(self, staging):
        staging.put([self.TOMORROW, self.TOKYO, self.BERLIN, self.EARLIER])

    def test_entries_come_by_date_zone_and_send_time(self, staging):
        assert [one.entry for one in staging.entries()] == [self.TOKYO, self.EARLIER, self.BERLIN, self.TOMORROW]

    @pytest.mark.parametrize(
        ("timezone", "day", "chosen"),
        [
            ("Asia/Tokyo", None, [TOKYO]),
            (None, date(2099, 3, 9), [TOMORROW]),
            ("Europe/Berlin", date(2099, 3, 8), [EARLIER, BERLIN]),
            ("Asia/Tokyo", date(2099, 3, 9), []),
        ],
    )
    def test_a_zone_and_a_date_narrow_what_is_read_and_forgotten(self, staging, timezone, day, chosen):
        everything = [one.entry for one in staging.entries()]
        assert [one.entry for one in staging.entries(timezone, day)] == chosen

        assert staging.forget(timezone, day) == len(chosen)
        rest = [entry for entry in everything if entry not in chosen]
        assert [one.entry for one in staging.entries()] == rest
        staging.warm()
        assert set(due_ids(staging)) == {entry.id for entry in rest}

    def test_forgetting_makes_it_cold_so_that_nothing_is_late(self, staging):
        staging.forget("Asia/Tokyo")

        assert staging.is_cold()


def _operations() -> st.SearchStrategy[Callable[[Staging], object]]:
    """Calls on three notifications, as ill-timed as can be; each answers what a caller can see."""
    number = st.integers(1, 3)
    instant = st.sampled_from([NOW, NOW + HIDE, NOW + MINUTE])
    index = st.sampled_from(DueIndex)
    put = st.builds(
        lambda n, state, attempt, due_at: lambda s: s.put(
            [an_entry(n, state=state, attempt=attempt, due_at=due_at if state in (State.STAGED, State.RETRY) else None)]
        ),
        number,
        st.sampled_from([State.STAGED, State.PENDING, State.RETRY]),
        st.integers(0, 2),
        instant,
    )
    steps = [PUBLISHED, REFUSED, SCHEDULED, REPUBLISHED, ACCEPTED, GAVE_UP, CANCELLED, REDRIVEN, WRITTEN]
    follow = st.builds(
        lambda n, step, attempt: lambda s: s.follow([replace(step, id=an_id(n), attempt=attempt)]),
        number,
        st.sampled_from(steps),
        st.integers(0, 2),
    )
    due = st.builds(lambda i, at, limit: lambda s: s.due(i, at, limit, HIDE), index, instant, st.integers(1, 3))
    rare = st.sampled_from([lambda s: s.clear(), lambda s: s.warm(), lambda s: s.forget(), lambda s: s.is_cold()])
    return st.one_of(put, put, follow, follow, due, due, rare)


@given(operations=st.lists(_operations(), max_size=25))
@budget(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_twin_answers_as_the_real_one_whatever_is_asked(valkey, operations):
    twin, real = MemoryStaging(), connect(valkey.url)
    real._redis.flushall()
    for made in (twin, real):
        made.warm()
    try:
        for operation in operations:
            assert operation(twin) == operation(real)
        assert list(twin.entries()) == list(real.entries())
    finally:
        real.close()
