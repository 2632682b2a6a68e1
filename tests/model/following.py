"""Is a record of effects a way through the model? Each effect must be a step that the model allows at that place."""

from collections.abc import Iterable, Iterator

from tests.model.consumer import FAULT, Label
from tests.model.recording import Event
from tests.model.reduction import settled
from tests.model.scenarios import AS_CODED, Protocol, Scenario
from tests.model.search import enabled
from tests.model.world import DONE, World

#: What leaves no trace: reading, and time.
SILENT = (
    "due",
    "drop",
    "still",
    "redriven",
    "reaches the send time",
    "reaches the expiry",
    "ends the lease",
    "too late",
    "clear and read",
    "put and warm",
    "put overdue",
    "cannot read it",
)
#: The retry consumer decides, and publishes what is due again: for the model these are two.
ONE_PROCESS = {"retry consumer": ("retry consumer", "republisher")}


class NotAllowed(AssertionError):
    """The model has no such step at that place."""


def follow(events: Iterable[Event], s: Scenario, p: Protocol = AS_CODED) -> set[World]:
    """The worlds that these effects may have led to. Raises `NotAllowed` at the first one that the model forbids."""
    worlds = {settled(s.beginning(), s, p)}
    for number, event in enumerate(events):
        near = _in_silence(worlds, s, p)
        worlds = {after for w in near for after in _after(w, event, s, p)}
        if not worlds:
            raise NotAllowed(f"effect {number}, {event}: the model allows {sorted(_allowed(near, s, p))}")
    return _in_silence(worlds, s, p)


def _in_silence(worlds: set[World], s: Scenario, p: Protocol) -> set[World]:
    """And what they may have become meanwhile."""
    seen, queue = set(worlds), list(worlds)
    while queue:
        w = queue.pop()
        for label, cost, after in enabled(w, s, p):
            if label[1] in SILENT:
                new = _settled(after, cost, w, s, p)
                if new not in seen:
                    seen.add(new)
                    queue.append(new)
    return seen


def _after(w: World, event: Event, s: Scenario, p: Protocol) -> Iterator[World]:
    if event[1] == "finish":
        member = w.members[0] if event[4] == "daily" else w.decider
        if any(job.offset == event[3] and job.step == DONE for job in member.jobs):
            yield w
        return
    for label, cost, after in enabled(w, s, p):
        if _is_the_same(label, event):
            yield _settled(after, cost, w, s, p)


def _settled(after: World, cost: int, w: World, s: Scenario, p: Protocol) -> World:
    return settled(after._replace(faults=w.faults - 1) if cost == FAULT else after, s, p)


def _is_the_same(label: Label, event: Event) -> bool:
    who, what, n, a, b = event
    if label[0] not in ONE_PROCESS.get(who, (who,)) or label[1] != what or label[2] != n:
        return False
    if what in ("is killed", "loses its partition", "expire"):
        return True
    if what == "follow":
        return label[3] == a
    return label[4] == b and (a is None or label[3] == a)


def _allowed(worlds: set[World], s: Scenario, p: Protocol) -> set[str]:
    return {f"{label[0]}: {label[1]} {label[3]} {label[4]}" for w in worlds for label, _, _ in enabled(w, s, p)}
