"""Every step of every verb, as the last thing that a process does."""

from collections.abc import Sequence
from random import Random
from typing import Final

from tests.chaos.crew import ROSTER, SWEEPER
from tests.chaos.faults import fault
from tests.chaos.run import Run
from tests.chaos.scenes import ONLY_WITHOUT_SWEEPER, SCENES, scene_for
from tests.chaos.steps import every_step, worker_of

PAIRS: Final = 16
#: Pairs of which the sweeper is one, and a consumer the other: it meets what the sweeper has left half done.
SWEEPER_PAIRS: Final = 8
SWEEPER_MEETS: Final = (
    "deliver.claim",
    "before_deliver.send",
    "deliver.send",
    "before_deliver.complete",
    "deliver.complete",
    "before_deliver.finish",
)
#: After these sweeper's steps nothing is left for a consumer to do.
ENDS: Final = frozenset({"sweep.expire", "sweep.follow"})
#: The quick slice: around each effect that cannot be taken back.
TELLING: Final = ("deliver.send", "publish.announce_daily", "retry.announce_dead_letter")
#: After these PostgreSQL knows what Redis was not told; in production as here, the sweeper finds it.
LEAVES: Final = frozenset({"build.stage", "publish.due_from_store", "retry.due_from_store"})
#: Redis is emptied at the moment of death, so that it hides nothing: who moves before Kafka has confirmed loses.
AND_FLUSH: Final = " and FLUSHALL"
FLUSHED: Final = ("publish.published", "before_publish.follow", "retry.published")


def _points(dice: Random, quick: bool) -> Sequence[str]:
    if quick:
        return TELLING
    singly = list(every_step())
    plain = [step for step in singly if step not in SCENES]
    pairs = [",".join(dice.sample(plain, 2)) for _ in range(PAIRS)]
    swept = [step for step in singly if worker_of(step) == SWEEPER and step not in ENDS]
    meetings = [f"{dice.choice(swept)},{dice.choice(SWEEPER_MEETS)}" for _ in range(SWEEPER_PAIRS)]
    return [*singly, *pairs, *meetings, *(point + AND_FLUSH for point in FLUSHED)]


@fault(
    2,
    "kill at every step of every verb",
    done="A worker kills itself with SIGKILL right after a step, each step once, and pairs of steps by dice, also of "
    "the sweeper and a consumer; each with what must happen so that the step is taken at all. After some, Redis is "
    "emptied at once.",
    holds="Nothing is lost, nothing goes out twice beyond the promise, whichever step was the last.",
    variants=_points,
)
def crash(run: Run) -> None:
    points = run.variant.removesuffix(AND_FLUSH).split(",")
    run.after = 0
    if any(worker_of(point) == SWEEPER for point in points) and not run.sweeper:
        run.leave_out("a sweeper that is off cannot die")
    if run.sweeper and set(points) & ONLY_WITHOUT_SWEEPER:
        run.leave_out("the sweeper comes first")
    run.may_leave = bool(set(points) & LEAVES)
    before = run.crew.reached()
    scene_for(points)(run, points)
    for number, point in enumerate(points):
        run.wait_for(lambda its=point: run.crew.reached()[its] > before[its], f"death at {point}", seconds=40)
        if run.variant.endswith(AND_FLUSH):
            run.services.redis.flushall()
        if number == 0 and worker_of(point) == SWEEPER:
            run.crew.employ((*ROSTER, SWEEPER))  # scenes send some away; the second point needs them
