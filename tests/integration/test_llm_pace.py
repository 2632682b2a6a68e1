"""The pace of calls: evenly spaced, shared through Redis, and never waiting on a Redis that is in trouble."""

import asyncio
from contextlib import asynccontextmanager
from time import monotonic
from uuid import uuid4

import pytest
import uvloop

from healthnotify.adapters.llm_pace import LONGEST_HINT, Pace
from healthnotify.pipeline.ports import NotWritten
from tests.chaos.proxy import Sky
from tests.valkey_fixture import own_valkey, valkey  # noqa: F401 - fixtures

TICK = 0.2  # seconds for the kernel to tell us of the reset
A_MINUTE = 600  # calls: a burst of 12, then one every 0.1 s


@asynccontextmanager
async def paces(count, redis_url=None, per_minute=A_MINUTE):
    """Several processes' paces of one model, new to Redis."""
    name = uuid4().hex
    made = [Pace(per_minute, name=name, redis_url=redis_url) for _ in range(count)]
    try:
        yield made
    finally:
        for pace in made:
            await pace.close()


async def refusals(turns):
    """The reasons of those that got no turn."""
    results = await asyncio.gather(*turns, return_exceptions=True)
    assert all(isinstance(result, NotWritten) for result in results if result is not None)
    return [result.reason for result in results if result is not None]


@pytest.mark.parametrize("shared", [False, True])
async def test_a_burst_passes_at_once_and_the_rest_one_by_one(shared, valkey):  # noqa: F811
    async with paces(1, valkey.url if shared else None) as [pace]:
        began = monotonic()
        assert await refusals(pace.turn(10) for _ in range(12)) == []
        burst = monotonic() - began
        assert await refusals(pace.turn(10) for _ in range(5)) == []
        rest = monotonic() - began

    assert burst < 1  # one by one they would take 1.1 s
    assert rest > 0.4


async def test_who_cannot_get_a_turn_in_time_is_refused():
    async with paces(1) as [pace]:
        began = monotonic()
        refused = await refusals(pace.turn(0.55) for _ in range(60))

    assert set(refused) == {"rate_limited"}
    assert 60 - 12 - 7 <= len(refused) <= 60 - 12 - 2
    assert monotonic() - began < 3


async def test_a_hopeless_wait_is_not_begun():
    async with paces(1, per_minute=1) as [pace]:
        await pace.turn(1)
        began = monotonic()
        assert await refusals([pace.turn(30)]) == ["rate_limited"]
        assert monotonic() - began < 3


async def test_builders_share_one_limit_through_redis(valkey):  # noqa: F811
    async with paces(3, valkey.url, per_minute=60) as builders:  # a burst of one, then one a second
        refused = await refusals(pace.turn(0.3) for pace in builders)

    assert refused == ["rate_limited"] * 2


async def test_without_redis_each_keeps_the_limit_alone(unused_tcp_port):
    async with paces(2, f"redis://127.0.0.1:{unused_tcp_port}/0", per_minute=60) as builders:
        began = monotonic()
        assert await refusals(pace.turn(0.9) for pace in builders) == []
        assert await refusals(pace.turn(0.3) for pace in builders) == ["rate_limited"] * 2
        assert monotonic() - began < 3


async def test_redis_that_dies_is_done_without(own_valkey):  # noqa: F811
    async with paces(1, own_valkey.url) as [pace]:
        await pace.turn(5)
        own_valkey.kill()
        assert await refusals(pace.turn(5) for _ in range(5)) == []


def test_a_connection_to_redis_that_was_reset_is_done_without(valkey):  # noqa: F811
    """Workers run on uvloop, which has an error of its own for writing to a connection that is gone."""
    line = Sky().line("redis")
    line.target = valkey.port

    async def turns():
        async with paces(1, valkey.url.replace(f":{valkey.port}", f":{line.port}")) as [pace]:
            await pace.turn(10)
            line.reset()
            await asyncio.sleep(TICK)
            await pace.turn(10)

    uvloop.run(turns())
    assert line.connections


async def test_a_redis_that_hangs_costs_a_quarter_of_a_second_once():
    ended = asyncio.Event()

    async def hang(_, speaker):
        asked.append(speaker)
        await ended.wait()
        speaker.close()

    asked = []
    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    async with paces(1, url) as [pace]:
        began = monotonic()
        assert await refusals(pace.turn(5) for _ in range(8)) == []
        assert monotonic() - began < 2
    assert len(asked) == 1
    ended.set()
    server.close()


async def test_the_line_keeps_its_order():
    served = []

    async def take(number):
        await pace.turn(10)
        served.append(number)

    async with paces(1) as [pace]:
        await asyncio.gather(*(take(number) for number in range(16)))

    assert served == sorted(served)


async def test_a_hold_makes_those_wait_who_can():
    async with paces(1) as [pace]:
        pace.hold("rate_limited", 0.3)
        began = monotonic()
        assert await refusals([pace.turn(0.1), pace.turn(5)]) == ["rate_limited"]
        assert monotonic() - began > 0.25


async def test_a_hold_for_another_reason_is_not_waited_for():
    async with paces(1) as [pace]:
        pace.hold("quota_exhausted", 0.3)
        assert await refusals([pace.turn(5)]) == ["quota_exhausted"]


async def test_an_absurd_hold_is_clamped():
    async with paces(1) as [pace]:
        pace.hold("rate_limited", 1e12)
        with pytest.raises(TimeoutError):  # it waits, because it is patient enough for the longest hold there is
            await asyncio.wait_for(pace.turn(LONGEST_HINT + 1), 0.1)


@pytest.mark.parametrize("seconds", [-5.0, 0.0])
async def test_a_hold_of_no_length_holds_nobody(seconds):
    async with paces(1) as [pace]:
        pace.hold("rate_limited", seconds)
        assert await refusals([pace.turn(0.1)]) == []


async def test_who_gives_up_waiting_leaves_the_line():
    async with paces(1, per_minute=60) as [pace]:
        await pace.turn(1)
        waiting = asyncio.create_task(pace.turn(30))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await refusals([pace.turn(5)]) == []
