"""Numbers as bars: the geometry of a chart that the server draws as SVG, and the same numbers for its table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

#: How a notification ended -> the event that says so, from the bottom of a bar to its top.
ENDS: Final = {"completed": "accepted", "failed": "gave_up", "cancelled": "cancelled"}
#: Of the scale of lateness: each step ends this many times as late as the one before, step 0 after a second.
QUARTER_MORE: Final = 1.25
WITHIN: Final = {"half within": 0.5, "95 % within": 0.95, "99 % within": 0.99, "all within": 1.0}
HEIGHT: Final = 100.0
STEP: Final = 10  #: from one bar to the next
BAR: Final = 8  #: how wide one is


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One span of time; `ago` counts spans, 0 is the one that ends now."""

    ago: int
    x: int
    numbers: dict[str, int]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """From the oldest bar to the newest."""

    bars: tuple[Bar, ...]
    totals: dict[str, int]
    peak: int
    width: int
    height: int = int(HEIGHT)


def chart(parts: Iterable[Mapping[str, Any]], count: int) -> Chart:
    """`parts` say how many (`number`) ended in which way (`event`) how many spans `ago`."""
    kinds = {event: kind for kind, event in ENDS.items()}
    numbers = [dict.fromkeys(ENDS, 0) for _ in range(count)]
    for part in parts:
        numbers[min(part["ago"], count - 1)][kinds[part["event"]]] += part["number"]
    peak = max(sum(one.values()) for one in numbers)
    bars = tuple(_bar(ago, (count - 1 - ago) * STEP + 1, numbers[ago], peak) for ago in reversed(range(count)))
    totals = {kind: sum(one[kind] for one in numbers) for kind in ENDS}
    return Chart(bars, totals, peak, count * STEP)


def lateness(parts: Iterable[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Within how many seconds how many were accepted; `parts` say how many (`number`) fell into which `step` of the
    scale. An answer is up to a quarter too long, never too short. Empty when nothing was accepted."""
    counts: Counter[int] = Counter()
    for part in parts:
        counts[part["step"]] += part["number"]
    reached = list(accumulate(counts[step] for step in sorted(counts)))
    if not reached:
        return []
    steps = sorted(counts)
    found = (next(i for i, sum_ in enumerate(reached) if sum_ >= share * reached[-1]) for share in WITHIN.values())
    return [(name, QUARTER_MORE ** steps[i]) for name, i in zip(WITHIN, found, strict=True)]


def _bar(ago: int, x: int, numbers: dict[str, int], peak: int) -> Bar:
    segments, floor = [], HEIGHT
    for kind, number in numbers.items():
        if number:
            height = number / peak * HEIGHT
            floor -= height
            segments.append(Segment(kind, round(floor, 2), round(height, 2)))
    return Bar(ago, x, numbers, tuple(segments))
