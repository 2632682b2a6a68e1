"""A closed-loop load: so many connections, each asking again as soon as it is answered."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import aiohttp

CONNECTIONS: Final = 8
SECONDS: Final = 3.0
ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of request; `body` gives a fresh one for each call."""

    method: str
    url: str
    headers: Callable[[], dict[str, str]]
    body: Callable[[], Any] | None = None
    expected: int = 200


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a second of each round."""

    rounds: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median round."""
        return median(self.rounds)

    def __str__(self) -> str:
        """Median and spread."""
        return f"{self.middle:,.0f}/s ({min(self.rounds):,.0f}-{max(self.rounds):,.0f})"


def in_turns(ours: Call, bare: Call) -> tuple[Rates, Rates]:
    """Both, a round each in turns, so that what else the machine does falls on both. A first round of each warms up."""
    for call in (ours, bare):
        asyncio.run(_rate(call, SECONDS / 3))
    rounds = [(asyncio.run(_rate(ours, SECONDS)), asyncio.run(_rate(bare, SECONDS))) for _ in range(ROUNDS)]
    return Rates(tuple(one for one, _ in rounds)), Rates(tuple(other for _, other in rounds))


async def _rate(call: Call, seconds: float) -> float:
    deadline = time.monotonic() + seconds
    began = time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        counts = await asyncio.gather(*(_ask(session, call, deadline) for _ in range(CONNECTIONS)))
    return sum(counts) / (time.monotonic() - began)


async def _ask(session: aiohttp.ClientSession, call: Call, deadline: float) -> int:
    count = 0
    while time.monotonic() < deadline:
        body = call.body() if call.body else None
        async with session.request(call.method, call.url, json=body, headers=call.headers()) as answer:
            text = await answer.read()
            if answer.status != call.expected:
                raise RuntimeError(f"{call.method} {call.url} answered {answer.status}: {text[:300]!r}")
        count += 1
    return count
