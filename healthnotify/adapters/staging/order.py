"""Which of two reports on one notification is the newer one: the rule that keeps a late caller from undoing news.

Builder, producer, consumer, retry consumer and sweeper write to the cache after PostgreSQL, each when it comes to it,
so reports arrive out of order. A report counts if its (rank, due time) is not below the cached one:

1. COMPLETED is the last word.
2. Otherwise the higher attempt wins. The attempt of a published record is the try that it is for, as PostgreSQL
   records it.
3. Within an attempt PLANNED < STAGED < PENDING < RETRY < FAILED or CANCELLED, and a state with a due time is above the
   same state without one: a slow producer's PENDING does not undo the consumer's RETRY, a slow consumer's RETRY does
   not take the next attempt out of the index.
4. Equal reports are one report; of two due times the later one counts, so nothing is ever early.

A redrive alone goes back: from FAILED to PENDING at the same attempt. After PostgreSQL was restored from a backup the
cache is ahead of the truth and would refuse it: then the cache is to be rebuilt.
"""

from typing import Final

from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Entry, Step
from healthnotify.pipeline.ports import DueIndex

LAST_WORD: Final = 2**53 - 1  # the greatest whole number that Lua holds exactly
_STAGES: Final = {
    State.PLANNED: 0,
    State.STAGED: 2,
    State.PENDING: 4,
    State.RETRY: 6,
    State.FAILED: 8,
    State.CANCELLED: 8,
}
_AN_ATTEMPT: Final = 10

#: In which index a notification of that state waits for its due time.
WAITS_IN: Final = {State.STAGED: DueIndex.DAILY, State.RETRY: DueIndex.RETRY}


def rank(report: Entry | Step) -> int:
    """The place of that report in the order above."""
    state = report.state if isinstance(report, Entry) else report.after
    if state is State.COMPLETED:
        return LAST_WORD
    return report.attempt * _AN_ATTEMPT + _STAGES[state] + (report.due_at is not None)


def goes_back(step: Step) -> bool:
    """Whether the step may follow FAILED although its rank is lower."""
    return step.event is Event.REDRIVEN
