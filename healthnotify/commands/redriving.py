"""Many brought back from the dead letters: in chunks, no faster than was asked for, and stopped between two of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from time import monotonic
from typing import Any, Final
from uuid import UUID

from healthnotify.apps.access.audit import COMMAND
from healthnotify.apps.notifications.dead_letters import OBSTACLES
from healthnotify.apps.notifications.redrive import MOST, Chosen, redrive, too_late, walk
from healthnotify.domain.redriving import Obstacle, Redrive

ROW: Final = ("what", "count", "why")
SHOWN: Final = 20  #: ids of those that were left

#: Waits so many seconds, or until it is asked to end, and answers whether it is.
Wait = Callable[[float], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be brought back, and how."""

    chosen: Chosen  #: `most` is how many are brought back, whatever is left on the way to them
    rate: int  #: a second at most
    dry_run: bool = False
    accept_duplicates: bool = False


@dataclass(slots=True)
class Done:
    """What came of it."""

    back: int = 0
    left: Counter[Obstacle] = field(default_factory=Counter)
    left_ids: list[tuple[UUID, Obstacle]] = field(default_factory=list)  #: the first of them
    stopped: bool = False  #: before it was through

    def add(self, answers: list[Redrive]) -> None:
        """Of one chunk."""
        self.back += sum(one.obstacle is None for one in answers)
        left = [(one.id, one.obstacle) for one in answers if one.obstacle]
        self.left.update(why for _, why in left)
        self.left_ids += left[: max(0, SHOWN - len(self.left_ids))]

    def is_bad(self, wanted: Wanted) -> bool:
        """Whether it did not do what was asked for: stopped, a named one left, or all of them left."""
        named = bool(wanted.chosen.ids) and bool(self.left)
        return self.stopped or named or (self.back == 0 and bool(self.left))


def bring_back(wanted: Wanted, *, at: datetime, wait: Wait, clock: Callable[[], datetime]) -> Done:
    """Each chunk is a transaction of its own: what is brought back stays so, whatever comes after it.

    Raises `Unavailable`; who calls it again goes on with what is left.
    """
    done, chosen = Done(), wanted.chosen
    if not chosen.ids and (late := too_late(chosen, at=at)):
        done.left[Obstacle.EXPIRED] += late
    began = monotonic()
    chunks = _chunks(wanted, at, min(wanted.rate, MOST))
    while done.back < chosen.most and (ids := next(chunks, ())):
        due = 0.0 if wanted.dry_run else began + done.back / wanted.rate - monotonic()
        if wait(max(0.0, due)):
            done.stopped = True
            break
        while ids and (room := chosen.most - done.back):
            done.add(_chunk(wanted, ids[:room], clock()))
            ids = ids[room:]
    return done


def table(done: Done, *, dry_run: bool) -> list[dict[str, Any]]:
    """Rows of `ROW`."""
    stop = {"what": "stopped", "count": None, "why": "asked to; call it again for what is left"}
    back = "would be brought back" if dry_run else "brought back"
    left = [{"what": f"left: {why}", "count": number, "why": OBSTACLES[why]} for why, number in done.left.most_common()]
    told = [{"what": back, "count": done.back, "why": "the sweeper announces them"}, *left]
    return [*told, stop] if done.stopped else told


def _chunk(wanted: Wanted, ids: tuple[UUID, ...], at: datetime) -> list[Redrive]:
    return redrive(
        replace(wanted.chosen, ids=ids),
        actor=COMMAND,
        at=at,
        dry_run=wanted.dry_run,
        accept_duplicates=wanted.accept_duplicates,
    )


def _chunks(wanted: Wanted, at: datetime, size: int) -> Iterator[tuple[UUID, ...]]:
    if not wanted.chosen.ids:
        yield from walk(wanted.chosen, at=at, chunk=size)
        return
    ids = iter(wanted.chosen.ids)
    while chunk := tuple(islice(ids, size)):
        yield chunk
