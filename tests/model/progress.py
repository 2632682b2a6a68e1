"""How far a group may commit."""

from collections.abc import Iterator

from tests.model.consumer import FREE, Step
from tests.model.scenarios import Protocol, Scenario
from tests.model.world import ASK, BURY, CANCEL, DECIDE, DONE, GIVE_UP, WAIT, Job, Member, World

GONE = -1  #: the offset of a record that means nothing any more


def commits(w: World, p: Protocol) -> Iterator[Step]:
    """Each group may commit as far as its lowest unfinished record."""
    daily = reached(w.members[0], p)
    if daily > w.committed[0]:
        yield ("consumer", "commit", 0, "daily", daily), FREE, w._replace(committed=(daily, w.committed[1]))
    retry = reached(w.decider, p)
    if retry > w.committed[1]:
        yield ("retry consumer", "commit", 0, "retry", retry), FREE, w._replace(committed=(w.committed[0], retry))


def committable(w: World, s: Scenario, p: Protocol) -> tuple[int, int]:
    """What the groups have committed or, where that is not kept, might have."""
    return w.committed if s.exact else (reached(w.members[0], p), reached(w.decider, p))


def reached(member: Member, p: Protocol) -> int:
    """The lowest unfinished offset, or the one after all that was taken."""
    if p.commits_the_highest:
        done = [job.offset + 1 for job in member.jobs if job.step == DONE]
        return max(done, default=0)
    out = [job.offset for job in member.jobs if job.offset != GONE and not _counts_as_finished(job, p)]
    return min(out, default=member.next)


def _counts_as_finished(job: Job, p: Protocol) -> bool:
    if job.step == DONE:
        return True
    if job.step in (DECIDE, WAIT, CANCEL, BURY, GIVE_UP):
        return p.finishes_before_decision and job.step == DECIDE
    return p.commits_before_outcome and job.step != ASK
