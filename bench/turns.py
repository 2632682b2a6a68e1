"""Measurements that take turns: medians, spreads, ratios, and no figures at all from a run that was disturbed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Protocol

ROUNDS: Final = 5


class Disturbed(Exception):
    """Something else happened than what was to be measured; the message says what."""


class Contestant(Protocol):
    """One way to do the job."""

    name: str
    count: int  #: notifications a round

    def round(self) -> "Round":
        """Publish all, then drain all. Raises `Disturbed`."""


@dataclass(frozen=True, slots=True)
class Round:
    """Notifications a second."""

    publish: float
    drain: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Notifications a second of each round."""

    rounds: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median round."""
        return median(self.rounds)

    def __str__(self) -> str:
        """Median and spread."""
        return f"{self.middle:,.0f}/s ({min(self.rounds):,.0f}-{max(self.rounds):,.0f})"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one contestant."""

    publish: Rates
    drain: Rates
    sequence: Rates


def in_turns(contestants: Sequence[Contestant], rounds: int = ROUNDS) -> dict[str, Result]:
    """A round each, there and back again (ABCD, DCBA, ...), so that what else the machine does falls on all."""
    found: dict[str, list[Round]] = {one.name: [] for one in contestants}
    for number in range(rounds):
        for one in contestants if number % 2 == 0 else list(reversed(contestants)):
            found[one.name].append(one.round())
    return {name: result(some) for name, some in found.items()}


def rate(count: int, first: int, seconds: float) -> float:
    """A second, of those that came after the `first` ones, with which the clock began."""
    if not 0 < first <= count / 4:
        raise Disturbed(f"{first} of {count} were done when the clock began: too many to measure the others")
    if seconds <= 0:
        raise Disturbed(f"it took {seconds} s")
    return (count - first) / seconds


def result(rounds: Sequence[Round]) -> Result:
    """Rates of what was measured. In sequence: the time of one is that of its publishing and of its draining."""
    if not rounds:
        raise Disturbed("there was no round")
    return Result(
        Rates(tuple(one.publish for one in rounds)),
        Rates(tuple(one.drain for one in rounds)),
        Rates(tuple(1 / (1 / one.publish + 1 / one.drain) for one in rounds)),
    )


def last_line(found: Mapping[str, Result]) -> str:
    """Ours against the ceiling, and how many times faster than the task queues it is in sequence."""
    ours, ceiling = found["ours"], found["ceiling"]
    ratios = {
        "publish_ratio": ours.publish.middle / ceiling.publish.middle,
        "drain_ratio": ours.drain.middle / ceiling.drain.middle,
        "sequence_ratio": ours.sequence.middle / ceiling.sequence.middle,
        "dramatiq_x": ours.sequence.middle / found["dramatiq"].sequence.middle,
        "celery_x": ours.sequence.middle / found["celery"].sequence.middle,
    }
    return "bench: " + " ".join(f"{name}={value:.2f}" for name, value in ratios.items())
