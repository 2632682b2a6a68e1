"""A record that kills the process, on the intake in memory and on the real one."""

import asyncio

import pytest

from healthnotify.adapters import suspects
from healthnotify.adapters.kafka import KafkaIntake, KafkaSettings
from healthnotify.adapters.memory.road import MemoryIntake
from healthnotify.adapters.memory.safeguards import MemoryMarks
from healthnotify.adapters.suspects import MOST_DEATHS
from healthnotify.domain.delivery import KILLS_THE_PROCESS, Poison
from healthnotify.domain.errors import Unavailable
from healthnotify.pipeline.ports import Span, Topic
from tests.kafka_fixture import AT_ONCE, SOON, MemorySide, an_envelope, take, wait_until

BOMB = b'{"bomb": true}'


class Death(Exception):
    """What a bomb does: nothing that the process could still do comes after it."""


class Line:
    """Processes, one after the other, that read the same topic and share a crash log."""

    def __init__(self, side):
        self.side = side
        self.marks = MemoryMarks()
        self.begun = []  # what each of them marked, in order

    def next(self):
        log = self.marks.log(Topic.DAILY)
        begin = log.begin
        log.begin = lambda spans: self.begun.append(list(spans)) or begin(spans)
        if isinstance(self.side, MemorySide):
            return MemoryIntake(self.side.log, Topic.DAILY, crash_log=log)
        self.side._intakes.append(KafkaIntake(self.side.settings, Topic.DAILY, crash_log=log))
        return self.side._intakes[-1]


def die(intake):
    """It takes no more, and its partitions become free; but it writes nothing down."""
    intake._suspects._log = None
    intake.close()


@pytest.fixture
def line(side):
    return Line(side)


@pytest.fixture
def bombs(monkeypatch):
    """Bodies that kill whoever reads them."""
    deadly, read = {BOMB}, suspects.decode

    def decode(value):
        if value in deadly:
            raise Death
        return read(value)

    monkeypatch.setattr(suspects, "decode", decode)
    return deadly


def on_the_road(side, *bodies, user=None):
    """Records of one user, so that they lie in one partition in this order; an envelope where there is no body."""
    some = [an_envelope(user) for _ in bodies]
    user_id = some[0].user_id
    for envelope, body in zip(some, bodies, strict=True):
        if body is None:
            side.road.announce(Topic.DAILY, [an_envelope(user_id, id=envelope.id)])
        else:
            side.put(Topic.DAILY, str(user_id).encode(), body)
    return [envelope.id for envelope, body in zip(some, bodies, strict=True) if body is None]


def read_on(line, count):
    """Processes read and finish until so many records are settled; answers the records and how many processes died."""
    found, deaths = [], 0
    intake = line.next()
    while len(found) < count:
        try:
            records = intake.take(100, SOON)
        except Death:
            deaths += 1
            assert deaths < 20, "they die and die"
            die(intake)
            intake = line.next()
            continue
        intake.finish(records)
        found += records
    intake.close()
    return [record.content for record in found], deaths


def test_after_three_deaths_it_is_buried_unread_and_all_others_are_delivered(line, bombs):
    ids = on_the_road(line.side, None, None, BOMB, None, None)

    contents, deaths = read_on(line, 5)

    buried = [one for one in contents if isinstance(one, Poison)]
    assert deaths == MOST_DEATHS
    assert [(one.raw, one.reason.partition(":")[0]) for one in buried] == [(BOMB, KILLS_THE_PROCESS)]
    assert {one.id for one in contents if not isinstance(one, Poison)} == set(ids)


def test_two_of_them_are_buried_and_their_neighbours_are_not(line, bombs):
    bombs.add(b"another")
    ids = on_the_road(line.side, None, BOMB, b"another", None)

    contents, deaths = read_on(line, 4)

    assert [one.raw for one in contents if isinstance(one, Poison)] == [BOMB, b"another"]
    assert {one.id for one in contents if not isinstance(one, Poison)} == set(ids)
    assert deaths == 2 * MOST_DEATHS


def test_a_batch_costs_one_mark_and_only_after_a_death_each_record_has_its_own(line):
    on_the_road(line.side, *[None] * 5)
    dying = line.next()
    records = take(dying, 5)
    calm = [span for spans in line.begun for span in spans]
    assert sum(span.end - span.first for span in calm) == 5
    assert len(calm) <= 2  # Kafka may hand them out in two parts
    die(dying)
    line.begun.clear()

    heir = line.next()
    assert len(wait_for_some(heir)) == 1
    take(heir, 4)

    spanned = {(span.first, span.end): span.deaths for spans in line.begun for span in spans}
    places = [record.position.offset for record in records]
    last = calm[-1]
    assert {(offset, offset + 1): 1 for offset in places if last.first <= offset < last.end}.items() <= spanned.items()
    heir.close()


def wait_for_some(intake):
    found = []
    wait_until(lambda: found.extend(intake.take(100, SOON)) or found, "nothing came")
    return found


def test_a_limit_is_kept_among_suspects_and_their_neighbours(line):
    on_the_road(line.side, *[None] * 6)
    dying = line.next()
    take(dying, 2)
    die(dying)

    heir = line.next()
    held = wait_for_some(heir)  # one alone; whatever came with it waits
    sizes = []
    while len(held) < 6:
        held += (records := heir.take(3, SOON))
        sizes.append(len(records))
    assert max(sizes) <= 3
    heir.close()


@pytest.mark.parametrize("ending", ["close", "rebalance"])
def test_an_orderly_end_and_a_partition_that_goes_to_a_colleague_are_no_deaths(line, ending):
    for _ in range(12):
        on_the_road(line.side, None)  # of twelve users: in all partitions
    first = line.next()
    take(first, 12)
    assert line.marks.rows
    if ending == "rebalance":
        second = line.next()
        wait_until(lambda: (first.take(0, AT_ONCE), second.take(0, AT_ONCE), second.assigned())[2], "no rebalance")
        gone = [span for _, span in line.marks.rows.values() if span.partition in second.assigned()]
        assert gone == []
        second.close()
    first.close()

    assert line.marks.rows == {}
    line.begun.clear()
    heir = line.next()
    take(heir, 12)
    assert {span.deaths for spans in line.begun for span in spans} == {0}
    heir.close()


def test_an_exception_that_ends_the_process_counts_as_a_death_and_a_service_that_is_away_does_not(line):
    on_the_road(line.side, None)
    for problem, traces in ((Unavailable("Redis", "away"), 0), (ZeroDivisionError(), 1)):
        intake = line.next()
        take(intake, 1)
        with pytest.raises(type(problem)):
            end_with(problem, intake)
        assert len(line.marks.rows) == traces


def end_with(problem, intake):
    """As the workers' `run` does."""
    try:
        raise problem
    finally:
        intake.close()


def test_who_has_nothing_in_hand_any_more_leaves_no_trace(line, monkeypatch):
    monkeypatch.setattr(suspects, "STANDS", 0.0)
    on_the_road(line.side, None)
    intake = line.next()
    intake.finish(take(intake, 1))
    wait_until(lambda: intake.take(1, AT_ONCE) or not line.marks.rows, "the mark stands")
    die(intake)


def test_without_postgresql_everything_is_read_all_the_same(line):
    ids = on_the_road(line.side, None, None)
    dying = line.next()
    take(dying, 2)
    die(dying)
    line.marks.down = True

    heir = line.next()

    assert {record.content.id for record in take(heir, 2)} == set(ids)
    heir.close()


def test_what_waits_to_be_read_alone_goes_with_its_partition(line):
    """Else it would be delivered twice: by whoever has the partition now, and by us when it comes back."""
    on_the_road(line.side, *[None] * 4)
    dying = line.next()
    take(dying, 4)
    die(dying)
    heir = line.next()
    (first,) = wait_for_some(heir)
    assert heir._suspects.waiting

    heir.close()
    again = wait_for_some(heir)

    assert again[0].position == first.position
    heir.close()


def test_it_puts_down_what_it_has_even_when_no_broker_takes_its_leave():
    marks = MemoryMarks()
    alone = suspects.Suspects(marks.log(Topic.DAILY))
    alone.assigned([0])
    alone.add([suspects.Unread(0, 1, b"")])
    alone.next(1)
    assert marks.rows

    alone.close()

    assert marks.rows == {}


async def test_a_worker_that_ends_in_order_closes_it_in_its_event_loop():
    """PostgreSQL must not be asked in that thread: Django refuses it."""
    marks = MemoryMarks()
    log = marks.log(Topic.DAILY)
    log.begin([Span(0, 1, 2, 0)])
    done = log.done

    def shy(*partitions):
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return done(*partitions)

    log.done = shy
    intake = KafkaIntake(KafkaSettings("127.0.0.1:1"), Topic.DAILY, crash_log=log)

    intake.close()

    assert marks.rows == {}


def test_what_ends_a_worker_is_known_though_another_thread_takes_leave():
    marks = MemoryMarks()
    log = marks.log(Topic.DAILY)
    log.begin([Span(0, 1, 2, 0)])
    intake = KafkaIntake(KafkaSettings("127.0.0.1:1"), Topic.DAILY, crash_log=log)

    def end():
        try:
            raise Death
        finally:
            intake.close()

    with pytest.raises(Death):
        end()

    assert marks.rows
