"""Which of two reports on one notification is the newer one: the rule that keeps a late caller from undoing news.

Builder, producer, consumer, retry consumer and sweeper write to the cache after PostgreSQL, each when it comes to it,
so reports arrive out of order. A report counts if its (rank, due time) is not below the cached one:

1. COMPLETED is the last word.
2. Otherwise the higher attempt wins. The attempt of a published record is the try that it is for, as PostgreSQL
   records it.
3. Within an attempt PLANNED < STAGED < PENDING < RETRY < FAILED or CANCELLED: a slow producer's PENDING does not undo
   the consumer's RETRY.
4. Of two due times for one rank the later one counts, and any is later than none: nothing is ever early, and a slow
   consumer's RETRY does not take the next attempt out of the index.

A redrive alone goes back, from FAILED to PENDING at the same attempt, and its entry keeps a rank above FAILED's. After
PostgreSQL was restored from a backup the cache is ahead of the truth and would refuse it: then it is to be rebuilt.
"""

from typing import Final

from healthnotify.domain.delivery import Step
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Entry
from healthnotify.pipeline.ports import DueIndex

LAST_WORD: Final = 2**53 - 1  # the greatest whole number that Lua holds exactly
_STAGES: Final = {
    State.PLANNED: 0,
    State.STAGED: 1,
    State.PENDING: 2,
    State.RETRY: 3,
    State.FAILED: 4,
    State.CANCELLED: 4,
}
_AN_ATTEMPT: Final = 10  # more than the stages, with room for a redrive

#: In which index a notification of that state waits for its due time.
WAITS_IN: Final = {State.STAGED: DueIndex.DAILY, State.RETRY: DueIndex.RETRY}


def rank(report: Entry | Step) -> int:
    """The place of that report in the order above."""
    state = report.state if isinstance(report, Entry) else report.after
    if state is State.COMPLETED:
        return LAST_WORD
    return report.attempt * _AN_ATTEMPT + _STAGES[state]


def goes_back(step: Step) -> bool:
    """Whether the step may follow FAILED although its rank is lower."""
    return step.event is Event.REDRIVEN
