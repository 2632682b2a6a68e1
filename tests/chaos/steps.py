"""Every effect of every verb by name, and the points among them at which a process is to die.

`CRASH_AT=deliver.send` kills the process with SIGKILL right after the first send that did something,
`CRASH_AT=before_deliver.complete:3` right before the third success is recorded; of several with commas between, the one
that is reached first. `deliver.send@6` stands still there for 6 s instead, once. Calls that have nothing to do
(an empty batch, an empty answer) are no steps.
"""

import inspect
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sized
from pathlib import Path
from typing import Any, Final

VERBS: Final = {
    "planner": "plan",
    "builder": "build",
    "producer": "publish",
    "consumer": "deliver",
    "retry-consumer": "retry",
    "sweeper": "sweep",
}

#: Worker -> its steps in the order of their effects.
STEPS: Final[dict[str, tuple[str, ...]]] = {
    "planner": ("due_preferences", "plan"),
    "builder": ("lease_planned", "cancel", "write", "stage", "put"),
    "producer": ("stops", "due", "due_from_store", "cancel", "announce_daily", "published", "latest", "follow"),
    "consumer": (
        "take",
        "stops",
        "put_off",
        "bury_on_road",
        "bury",
        "claim",
        "announce_dead_letter",
        "send",
        "complete",
        "withhold",
        "report",
        "announce_retry",
        "returned",
        "follow",
        "finish",
    ),
    "retry-consumer": (
        "take",
        "bury_on_road",
        "bury",
        "undecided",
        "first_attempts",
        "wait",
        "cancel",
        "announce_dead_letter",
        "give_up",
        "follow",
        "finish",
        "stops",
        "due",
        "due_from_store",
        "announce_daily",
        "published",
        "latest",
    ),
    "sweeper": (
        "expire",
        "follow",
        "is_cold",
        "clear",
        "open_entries",
        "put",
        "warm",
        "overdue",
        "redriven",
        "latest",
        "still",
        "passed",
        "announce_retry",
        "announce_daily",
        "swept",
    ),
}

#: (port, method) -> a name of its own, where two ports have a method of the same name.
OWN_NAMES: Final = {("road", "bury"): "bury_on_road", ("store", "due"): "due_from_store"}

#: Calls that change nothing outside of the process.
QUIET: Final = frozenset({"begin", "close", "assigned", "ping", "provider"})


def every_step() -> Iterator[str]:
    """All names, as `CRASH_AT` takes them."""
    for worker, steps in STEPS.items():
        yield from (f"{VERBS[worker]}.{step}" for step in steps)


def worker_of(point: str) -> str:
    """Which worker has that point."""
    verb = point.removeprefix("before_").partition(".")[0]
    return next(worker for worker, its in VERBS.items() if its == verb)


class CrashPoints:
    """Where this process is to die, or to stand still for a while; reaching a death does not return."""

    def __init__(self, text: str, note: Path | None) -> None:
        """`text` as in `CRASH_AT`; the point that is reached is appended to `note` first."""
        self._left: dict[str, int] = {}
        self._still: dict[str, float] = {}
        for one in filter(None, text.split(",")):
            point, _, nth = one.partition(":")
            name, _, still = point.partition("@")
            self._left[name] = int(nth or 1)
            self._still[name] = float(still or 0)
        self._note = note
        self._hits: Counter[str] = Counter()

    def reach(self, name: str) -> None:
        """This step is done, or is about to be (`before_…`)."""
        if name not in self._left:
            return
        self._hits[name] += 1
        if self._hits[name] < self._left[name]:
            return
        still = self._still[name]
        if self._note:
            with self._note.open("a") as note:
                note.write(f"{os.getpid()}{'@' if still else ''} {name}\n")
        if still:
            del self._left[name]
            time.sleep(still)
            return
        os.kill(os.getpid(), signal.SIGKILL)


class Stepping:
    """A port, each of whose calls is a step."""

    def __init__(self, port: Any, kind: str, worker: str, points: CrashPoints) -> None:
        self._port = port
        self._kind = kind
        self._verb = VERBS[worker]
        self._points = points

    def __getattr__(self, method: str) -> Any:
        """The port's own method, with the points around it."""
        found = getattr(self._port, method)
        if not callable(found) or method in QUIET:
            return found
        return self._awaited(found, method) if inspect.iscoroutinefunction(found) else self._called(found, method)

    def _called(self, call: Callable[..., Any], method: str) -> Callable[..., Any]:
        def step(*args: Any, **named: Any) -> Any:
            name = self._name(method, args)
            if _has_work(args):
                self._points.reach(f"before_{name}")
            answer = call(*args, **named)
            if _did_something(args, answer):
                self._points.reach(name)
            return answer

        return step

    def _awaited(self, call: Callable[..., Any], method: str) -> Callable[..., Any]:
        async def step(*args: Any, **named: Any) -> Any:
            name = self._name(method, args)
            self._points.reach(f"before_{name}")
            answer = await call(*args, **named)
            self._points.reach(name)
            return answer

        return step

    def _name(self, method: str, args: tuple[Any, ...]) -> str:
        own = OWN_NAMES.get((self._kind, method), method)
        if method == "announce":
            own = f"announce_{str(args[0]).rpartition('.')[2].replace('-', '_')}"
        return f"{self._verb}.{own}"


def _has_work(args: tuple[Any, ...]) -> bool:
    batches = [arg for arg in args if isinstance(arg, Sized) and not isinstance(arg, str)]
    return all(len(batch) for batch in batches)


def _did_something(args: tuple[Any, ...], answer: Any) -> bool:
    """A batch that was given was not empty; a question without one was answered by something."""
    batches = [arg for arg in args if isinstance(arg, Sized) and not isinstance(arg, str)]
    if batches:
        return all(len(batch) for batch in batches)
    return answer is None or bool(answer)
