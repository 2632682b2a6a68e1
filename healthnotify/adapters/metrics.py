"""Every metric, by name: what it counts, which question it answers, and who reads it. `docs/metrics.md` says the same.

No label holds anything of a person, and none can take more values than are known beforehand: what comes from outside
goes through `Bounded`. Counting is done by the loops, by wrappers around ports and by the web middleware.
"""

import re
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric

from healthnotify.domain.delivery import Accepted, Step
from healthnotify.pipeline.deliver import Sent

TYPE: Final = CONTENT_TYPE_LATEST
REGISTRY: Final = CollectorRegistry(auto_describe=True)  # ours alone: of the library's own nobody reads any
OTHER: Final = "other"
CODE: Final = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody reads


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric as the documentation has it."""

    name: str
    labels: tuple[str, ...]
    answers: str
    reader: str


DECLARED: Final[list[Declared]] = []


def _counter(name: str, answers: str, *labels: str, reader: str) -> Counter:
    DECLARED.append(Declared(name, labels, answers, reader))
    return Counter(name, answers, labels, registry=REGISTRY)


def _seconds(name: str, answers: str, *labels: str, reader: str, buckets: Sequence[float]) -> Histogram:
    DECLARED.append(Declared(name, labels, answers, reader))
    return Histogram(name, answers, labels, registry=REGISTRY, buckets=buckets)


def _gauge(name: str, answers: str, *labels: str, reader: str) -> Declared:
    DECLARED.append(Declared(name, labels, answers, reader))
    return DECLARED[-1]


QUICK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

PART_SECONDS: Final = _seconds(
    "healthnotify_part_seconds",
    "How long does each part of a worker's turn take, when there is something to do?",
    "worker",
    "part",
    reader="panel: where the time goes",
    buckets=(*QUICK, 30),
)
STEPS: Final = _counter(
    "healthnotify_steps_total",
    "What becomes of notifications, and why?",
    "event",
    "reason",
    reader="panel: outcomes; alert: many failures",
)
LATENESS_SECONDS: Final = _seconds(
    "healthnotify_lateness_seconds",
    "How long after its send time does a channel accept a message, at the first try and at later ones?",
    "channel",
    "tries",
    reader="panel: lateness; alert: late",
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200),
)
CACHE_CALLS: Final = _counter(
    "healthnotify_cache_calls_total",
    "How often does the cache serve, and how often is it cold or away, so that PostgreSQL is asked instead?",
    "call",
    "result",
    reader="panel: cache; alert: cache out of use",
)
MODEL_SECONDS: Final = _seconds(
    "healthnotify_model_seconds",
    "How long does the model take, and what comes of it?",
    "result",
    reader="panel: model; alert: the model writes nothing",
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 12, 20, 30),
)
REQUEST_SECONDS: Final = _seconds(
    "healthnotify_request_seconds",
    "How long do requests take, by the route's name, and how are they answered?",
    "route",
    "method",
    "status",
    reader="panel: requests; alert: server errors",
    buckets=QUICK,
)
ALIVE: Final = _gauge(
    "healthnotify_alive", "Does the process get on? 1 or 0", "worker", reader="alert: a process stands still"
)
HOLDS: Final = _gauge(
    "healthnotify_holds",
    "Does it consume nothing because dead letters poured? 1 or 0",
    "worker",
    reader="alert: dead letters pour",
)
ANSWERS: Final = _gauge(
    "healthnotify_dependency_answers",
    "Has it answered within the last 15 seconds? 1 or 0",
    "dependency",
    reader="alert: a dependency is away",
)
LAG: Final = _gauge(
    "healthnotify_lag_records", "How many records wait on the road?", "topic", reader="panel: road; alert: lag grows"
)
DUE: Final = _gauge(
    "healthnotify_due_entries",
    "How many notifications wait in the cache for their time?",
    "index",
    reader="panel: waiting",
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What is not counted but looked up. What is not known is left out, so that no old value is taken for a new one."""

    worker: str
    alive: bool
    holds: bool = False
    answers: Mapping[str, bool] = field(default_factory=dict)
    lag: Mapping[str, int] = field(default_factory=dict)
    due: Mapping[str, int] = field(default_factory=dict)


class Bounded:
    """The values of a label that comes from outside: codes only, and no more than `most` of them, then `other`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value, or `other`."""
        if value not in self._known:
            if len(self._known) >= self._most or not CODE.fullmatch(value):
                return OTHER
            self._known.add(value)
        return value


_reason: Final = Bounded(100)
_result: Final = Bounded(30)


#: To find a child by its labels takes as long as to count with it.
_part: Final = cache(PART_SECONDS.labels)
_lateness: Final = cache(LATENESS_SECONDS.labels)


def count_steps(steps: Iterable[Step]) -> None:
    """Each step once; a batch costs as much as it has different outcomes."""
    for (event, reason), number in Tally((step.event, step.reason) for step in steps).items():
        STEPS.labels(event.value, _reason(reason) if reason else "").inc(number)


def count_part(worker: str, part: str, seconds: float) -> None:
    """One part of a worker's turn that had something to do."""
    _part(worker, part).observe(seconds)


def count_sent(sent: Sent, at: datetime) -> None:
    """What a channel has accepted at that time."""
    if isinstance(sent.outcome, Accepted):
        envelope = sent.held.claim.envelope
        tries = "first" if envelope.attempt <= 1 else "later"
        _lateness(envelope.channel.value, tries).observe((at - envelope.send_at).total_seconds())


def count_cache(call: str, result: str) -> None:
    """A call of the cache: `served`, `cold` or `unavailable`."""
    CACHE_CALLS.labels(call, result).inc()


def count_model(result: str, seconds: float) -> None:
    """A call of the model: `written`, or why it was not."""
    MODEL_SECONDS.labels(_result(result)).observe(seconds)


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    """A request that was answered; `route` and `method` are names that we know."""
    REQUEST_SECONDS.labels(route, method, str(status)).observe(seconds)


def exposition(figures: Figures) -> bytes:
    """All of it in Prometheus's text format, of content type `TYPE`."""
    return generate_latest(_Together(figures))


class _Together(CollectorRegistry):
    """What was counted, and what is looked up."""

    def __init__(self, figures: Figures) -> None:
        super().__init__()
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()
        it = self._figures
        yield _values(ALIVE, {it.worker: it.alive})
        yield _values(HOLDS, {it.worker: it.holds})
        yield _values(ANSWERS, it.answers)
        yield _values(LAG, it.lag)
        yield _values(DUE, it.due)


def _values(declared: Declared, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(declared.name, declared.answers, labels=declared.labels)
    for label, value in values.items():
        family.add_metric([label], float(value))
    return family
