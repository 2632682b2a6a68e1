"""Breadth first over every state, so that the first counter-example is a shortest one."""

import gc
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from tests.model import around, consumer, decider
from tests.model.consumer import FREE, Label, Step
from tests.model.invariants import broken, changed_what_is_final, is_over
from tests.model.progress import commits, committable
from tests.model.reduction import settled
from tests.model.scenarios import Protocol, Scenario
from tests.model.world import World


@dataclass
class Found:
    """What a search has seen; with `broken`, the way there, and the first and every later world on it."""

    scenario: Scenario
    states: int
    steps: int
    broken: str = ""
    way: tuple[tuple[Label, World], ...] = ()
    stuck: tuple[World, ...] = ()


class TooLarge(Exception):
    """The search has grown beyond what it is allowed to."""


def enabled(w: World, s: Scenario, p: Protocol) -> Iterator[Step]:
    """Every step that may come next."""
    yield from consumer.steps(w, s, p)
    yield from decider.deciding(w, s, p)
    yield from decider.publishing(w, s, p)
    if s.sweeps:
        yield from around.sweeping(w, s, p)
    if s.exact:
        yield from commits(w, p)
    yield from around.happening(w, s, p)


class Search:
    """One search; `run` answers what it has found."""

    def __init__(self, s: Scenario, p: Protocol, most: int) -> None:
        self.s, self.p, self.most = s, p, most
        first = settled(s.beginning(), s, p)
        self.index = {first: 0}
        self.worlds = [first]
        self.parents = array("l", [-1])
        self.labels: list[Label | None] = [None]
        self.free = (array("l"), array("l"))  # from, to
        self.steps = 0

    def run(self, *, to_the_end: bool = True) -> Found:
        """Until an invariant breaks or everything was seen; then whether every state still leads to an end."""
        if bad := self._everything():
            return self._found(*bad)
        stuck = self._stuck() if to_the_end else []
        if not stuck:
            return Found(self.s, len(self.worlds), self.steps)
        found = self._found("I1", stuck[0])
        found.stuck = tuple(self.worlds[one] for one in stuck)
        return found

    def _everything(self) -> tuple[str, int] | None:
        at = 0
        gc.disable()  # nothing here is a cycle, and the collector would look at all of it again and again
        try:
            while at < len(self.worlds):
                if bad := self._expand(at):
                    return bad
                at += 1
        finally:
            gc.enable()
        return None

    def _expand(self, at: int) -> tuple[str, int] | None:
        w = self.worlds[at]
        for label, cost, after in enabled(w, self.s, self.p):
            self.steps += 1
            paid = after._replace(faults=w.faults - 1) if cost == consumer.FAULT else after
            new = settled(self._counted(label, paid), self.s, self.p)
            to = self.index.get(new)
            is_new = to is None
            if to is None:
                to = self._add(new, at, label)
            if cost == FREE:
                self.free[0].append(at)
                self.free[1].append(to)
            if new.rows is not w.rows and changed_what_is_final(w, new):
                return "I4", self._add(new, at, label)
            if is_new and (name := broken(new, self.s, committable(new, self.s, self.p))):
                return name, to
        return None

    def _counted(self, label: Label, w: World) -> World:
        if self.s.most_records and label[1].startswith("announce"):
            return w._replace(announced=min(w.announced + 1, self.s.most_records + 1))
        return w

    def _add(self, w: World, parent: int, label: Label) -> int:
        to = len(self.worlds)
        if to > self.most:
            raise TooLarge(f"{self.s.name}: more than {self.most} states")
        self.index[w] = to
        self.worlds.append(w)
        self.parents.append(parent)
        self.labels.append(label)
        return to

    def _stuck(self) -> list[int]:
        """The states from which no fault-free way leads to an end, the nearest first."""
        count = len(self.worlds)
        before: list[list[int]] = [[] for _ in range(count)]
        for source, to in zip(*self.free, strict=True):
            before[to].append(source)
        good = bytearray(count)
        queue = [i for i, w in enumerate(self.worlds) if is_over(w)]
        for i in queue:
            good[i] = 1
        while queue:
            for source in before[queue.pop()]:
                if not good[source]:
                    good[source] = 1
                    queue.append(source)
        return [i for i in range(count) if not good[i]]

    def _found(self, name: str, at: int) -> Found:
        way: list[tuple[Label, World]] = []
        while (label := self.labels[at]) is not None:
            way.append((label, self.worlds[at]))
            at = self.parents[at]
        way.append((("", "begin", 0, None, None), self.worlds[at]))
        return Found(self.s, len(self.worlds), self.steps, name, tuple(reversed(way)))


def search(s: Scenario, p: Protocol, *, to_the_end: bool = True, most: int = 2_000_000) -> Found:
    """Look at every state that the scenario can reach under that protocol."""
    return Search(s, p, most).run(to_the_end=to_the_end)
