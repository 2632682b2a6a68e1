"""What the model remembers: the stores, the road, the private memory of each process, the provider, the clock.

Everything is a tuple, so a state is hashed and compared as it is. Where the code has instants the model has what the
protocol asks of them: whether a lease runs, whether the send time is reached, whether it has expired.
"""

from typing import NamedTuple

from healthnotify.domain.lifecycle import State as Stage

STAGED, PENDING, RETRY = Stage.STAGED.value, Stage.PENDING.value, Stage.RETRY.value
COMPLETED, FAILED, CANCELLED = Stage.COMPLETED.value, Stage.FAILED.value, Stage.CANCELLED.value
ENDED = (COMPLETED, FAILED, CANCELLED)

NO_LEASE, RUNS, RAN_OUT = 0, 1, 2
EARLY, IN_TIME, EXPIRED = 0, 1, 2

#: What comes of a claim. `unknown` is the permanent failure `outcome_unknown`.
ACCEPTED, WITHHELD = "accepted", "withheld"
TRANSIENT, PERMANENT, UNKNOWN, DEFERRED = "transient", "permanent", "unknown", "deferred"

DAILY, RETRIES = "daily", "retry"  #: the topics, and the due indexes that lead to them

#: Where a process stands with a record, or a producer with what is due: the effect that comes next.
ASK, SEND, SETTLE, HAND, RETURN = "ask", "send", "settle", "hand", "return"
DECIDE, WAIT, BURY, END, GIVE_UP, CANCEL = "decide", "wait", "bury", "end", "give_up", "cancel"
ANNOUNCE, RECORD, TELL, DONE, IDLE, REBUILD = "announce", "record", "tell", "done", "", "rebuild"


class Row(NamedTuple):
    """A notification in PostgreSQL."""

    state: str = STAGED
    attempt: int = 0
    uncounted: int = 0
    claim: int = 0  #: 0: nobody's
    lease: int = NO_LEASE
    failure: str = ""
    due: bool = False  #: RETRY: the next attempt has its time
    place: tuple[str, int] | None = None  #: of the last record, as far as it is known
    late: bool = False  #: accepted after it was given up
    doubt: bool = False  #: this attempt was taken over: somebody may have sent it before
    unread: bool = False  #: nobody has claimed it since the sweeper put it on the road again


class News(NamedTuple):
    """What the cache is told of a move."""

    state: str
    attempt: int
    due: bool = False
    back: bool = False  #: a redrive


class Entry(NamedTuple):
    """A notification in Redis, and the due index that it is in."""

    rank: int
    due: bool
    index: str
    state: str
    attempt: int


class Redis(NamedTuple):
    """The cache; cold when it is not `warm`."""

    warm: bool
    entries: tuple[Entry | None, ...]
    marked: bool = False  #: a rebuild has begun in this run of the server


class Job(NamedTuple):
    """A record in the hands of a process: what it will do next, and what it knows."""

    offset: int
    n: int
    attempt: int
    step: str
    claim: int = 0
    outcome: str = ""
    told: int = 0  #: where its retry record lies
    news: News | None = None


class Member(NamedTuple):
    """A consumer of one topic: where it reads next, and what it holds."""

    next: int = 0
    jobs: tuple[Job, ...] = ()
    highest: int = 0  #: after the highest finished offset; only a mutant asks


class Errand(NamedTuple):
    """What a producer or the sweeper is about."""

    step: str = IDLE
    n: int = 0
    topic: str = DAILY
    attempt: int = 0
    offset: int | None = None
    news: News | None = None
    seen: tuple[Row | None, ...] = ()  #: read for a rebuild


REST = Errand()


class World(NamedTuple):
    """A state of everything."""

    rows: tuple[Row | None, ...]  #: None: an id that PostgreSQL does not know
    redis: Redis
    members: tuple[Member, ...]  #: of the daily topic; the first owns it, others have lost it and do not know yet
    daily: tuple[tuple[int, int], ...] = ()  #: (notification, attempt) by offset
    retry: tuple[tuple[int, int], ...] = ()
    committed: tuple[int, int] = (0, 0)  #: daily, retry
    decider: Member = Member()  #: the retry consumer
    producers: tuple[Errand, Errand] = (REST, REST)  #: of the daily index, of the retry index
    sweeper: Errand = REST
    accepted: tuple[tuple[int, ...], ...] = ()  #: the key of each copy that the provider took
    windows: tuple[int, ...] = ()  #: faults that hit the send window, which may each have cost a copy
    buried: tuple[bool, ...] = ()  #: whether the dead-letter topic has it
    clock: int = IN_TIME
    faults: int = 0  #: left
    events: tuple[int, int] = (0, 0)  #: redrives and deferrals left
    announced: int = 0  #: records in all, where a scenario counts them
    wrong: str = ""  #: what a step itself has broken
    deadly: bool = False  #: whoever reads a record dies of it, until somebody buries it unread


def set_row(w: World, n: int, row: Row | None) -> World:
    """With that row."""
    return w._replace(rows=(*w.rows[:n], row, *w.rows[n + 1 :]))


def set_job(w: World, who: int, i: int, job: Job) -> World:
    """With that job of a consumer, or of the retry consumer (-1)."""
    member = w.decider if who < 0 else w.members[who]
    changed = member._replace(jobs=(*member.jobs[:i], job, *member.jobs[i + 1 :]))
    return set_member(w, who, changed)


def set_member(w: World, who: int, member: Member) -> World:
    """With that consumer, or retry consumer (-1)."""
    if who < 0:
        return w._replace(decider=member)
    return w._replace(members=(*w.members[:who], member, *w.members[who + 1 :]))


def raised(counts: tuple[int, ...], n: int) -> tuple[int, ...]:
    """One more for that notification."""
    return (*counts[:n], counts[n] + 1, *counts[n + 1 :])


def append(w: World, topic: str, n: int, attempt: int) -> tuple[World, int]:
    """A record on a topic, and its offset."""
    log = w.daily if topic == DAILY else w.retry
    longer = (*log, (n, attempt))
    return (w._replace(daily=longer) if topic == DAILY else w._replace(retry=longer)), len(log)


def bury(w: World, n: int) -> World:
    """A record on the dead-letter topic."""
    return w._replace(buried=(*w.buried[:n], True, *w.buried[n + 1 :]))


def is_being_recorded(w: World, n: int) -> bool:
    """Whether somebody has announced it and has still to record where."""
    return any(errand.step == RECORD and errand.n == n for errand in (*w.producers, w.sweeper))


def holders(w: World, n: int, claim: int) -> bool:
    """Whether a living consumer knows that claim as its own."""
    return any(job.n == n and job.claim == claim for member in w.members for job in member.jobs)


def fresh_claim(w: World, n: int) -> int:
    """A claim id that nobody knows; one that is forgotten everywhere is as good as new."""
    used = {job.claim for member in w.members for job in member.jobs if job.n == n}
    row = w.rows[n]
    if row is not None:
        used.add(row.claim)
    return next(number for number in (1, 2, 3, 4, 5, 6, 7, 8, 9) if number not in used)
