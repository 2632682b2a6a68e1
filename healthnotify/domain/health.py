"""Whether a process is alive, which means that it gets on; and whether it is ready: whether what it needs answers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

#: A loop that has not come round for this long, or a call of it that has shown no sign of life, stands still.
STANDSTILL: Final = timedelta(seconds=30)
#: A consumer may leave records lying for this long, or for two leases if that is longer: so long a dead colleague's
#: claim may keep it from the only record that is left.
LEAST_PATIENCE: Final = timedelta(seconds=60)
#: What is asked every 5 seconds has not answered lately when three questions have gone by.
LATELY: Final = timedelta(seconds=15)
#: What is said of a dependency that answers, and of one of which nothing is known yet.
OK: Final = "ok"
NOT_ASKED: Final = "not asked yet"


@dataclass(frozen=True, slots=True)
class Signs:
    """What a process shows of its progress, each as the time since."""

    round: timedelta  #: its loop came round; waiting for an unavailable service is coming round
    call: timedelta  #: the slowest call that is under way began, or showed a sign of life; zero when none is
    consumed: timedelta | None = None  #: it took or finished a record, or waited for a service; None: has none to take
    waiting: timedelta | None = None  #: records of its own began to wait without any of them moving; None: none do


@dataclass(frozen=True, slots=True)
class Place:
    """How far a group has come in a partition, and how far there is to go."""

    committed: int
    end: int

    @property
    def lag(self) -> int:
        """Records that are not consumed."""
        return max(0, self.end - self.committed)


@dataclass(frozen=True, slots=True)
class Wait:
    """Records wait in a partition; up to which offset it is consumed, and since when it has been so, in seconds."""

    committed: int
    since: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking a dependency."""

    answered: timedelta | None  #: since its last good answer; None: there was none yet
    problem: str | None = None  #: of the last answer; None: it was good

    @property
    def state(self) -> str:
        """`ok`, or the problem."""
        if self.problem is not None:
            return self.problem
        if self.answered is None:
            return NOT_ASKED
        return OK if self.answered < LATELY else f"no answer for {self.answered.seconds} s"


@dataclass(frozen=True, slots=True)
class Report:
    """What a process says of itself."""

    id: UUID  #: random, one a process
    worker: str
    host: str
    pid: int
    port: int | None  #: of its own health
    started_at: datetime
    seen_at: datetime
    progress_at: datetime | None  #: when something last came of its work
    problem: str | None  #: why it is not alive
    dependencies: Mapping[str, str]  #: name -> `ok`, or the problem
    figures: Mapping[str, Mapping[str, int]]  #: what is counted -> of which -> how many


def patience(lease: timedelta) -> timedelta:
    """How long a consumer may consume nothing while there is something to consume."""
    return max(LEAST_PATIENCE, 2 * lease)


def standstill(signs: Signs, patience: timedelta) -> str | None:
    """Why the process is not alive; None when it is."""
    if signs.round > STANDSTILL:
        return f"the loop has not come round for {signs.round.seconds} s"
    if signs.call > STANDSTILL:
        return f"a call has not returned for {signs.call.seconds} s"
    if signs.consumed is None or signs.waiting is None or min(signs.consumed, signs.waiting) <= patience:
        return None
    return f"records wait, and none has been consumed for {min(signs.consumed, signs.waiting).seconds} s"


def waits(before: Mapping[int, Wait], places: Mapping[int, Place], at: float) -> dict[int, Wait]:
    """The partitions in which records wait. The time goes on where nothing moved, and begins anew where it did."""
    lagging = {partition: place for partition, place in places.items() if place.lag}
    return {
        partition: (
            known
            if (known := before.get(partition)) and known.committed == place.committed
            else Wait(place.committed, at)
        )
        for partition, place in lagging.items()
    }


def waiting(found: Mapping[int, Wait], assigned: Collection[int], at: float) -> timedelta | None:
    """For how long records have waited for this consumer; None when none do.

    Those of its own partitions, the one that waits longest: a colleague's are a colleague's affair. One that has none
    answers for all of them, but only while none moves: then it is the group that does not work.
    """
    own = [wait.since for partition, wait in found.items() if partition in assigned]
    if own:
        return timedelta(seconds=at - min(own))
    if assigned or not found:
        return None
    return timedelta(seconds=at - max(wait.since for wait in found.values()))


def unready(required: Mapping[str, Asked]) -> list[str]:
    """The names of what does not answer; ready is who has none."""
    return [name for name, asked in required.items() if asked.state != OK]
