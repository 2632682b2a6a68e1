"""Workers that die: at random, at every step, one kind after the other; and one that only seems to be dead."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any, Final

from healthnotify import bootstrap
from tests.chaos.crew import ROSTER, SWEEPER
from tests.chaos.faults import fault
from tests.chaos.provider import Rule
from tests.chaos.run import Run

KILLS: Final = 10
CHUNKS: Final = 10  # with the sweeper on, and as many with it off: 200 kills in all
#: People a kill: enough for both consumers to be at work until the last one.
EACH: Final = 30
#: People, and seconds in which their time comes.
STREAM: Final = 6_000
STREAMS: Final = 60


def _chunks(_dice: Random, quick: bool) -> Sequence[Any]:
    return tuple(f"chunk {number}" for number in range(1 if quick else CHUNKS))


@fault(
    1,
    "kill -9 of a consumer at random",
    done=f"One of two consumers, by dice, is killed {KILLS} times a run while mail, webhooks and texts go out, "
    "each time at a random moment after some more have been taken. The line is slow, so that a kill finds some half "
    "sent.",
    holds="Nothing is lost; mail has a second copy at most for each takeover; no text goes out twice.",
    variants=_chunks,
)
def kill_consumers(run: Run) -> None:
    run.lines["http"].weather.delay = 0.4
    run.lines["smtp"].weather.delay = 0.08
    run.load(KILLS * EACH, seconds=KILLS * 1.2)
    for number in range(KILLS):
        taken = run.accepted()
        run.wait_for(lambda before=taken: run.accepted() >= before + 5, f"work before kill {number + 1}")
        run.pause(run.dice.uniform(0.0, 0.5))
        run.wait_for(lambda: run.crew.kill(run.dice.choice(("consumer-1", "consumer-2"))), "a consumer to kill")
    run.wait_for(run.taken_over, "a claim taken over from the dead")


@fault(
    51,
    "kill -9 of any worker at random, under a stream of thousands",
    done=f"{STREAM} people are due over {STREAMS} s, and all the while any worker, by dice, is killed every second or "
    "two.",
    holds="Nothing is lost; mail has a second copy at most for each takeover; no text goes out twice.",
)
def kill_anybody(run: Run) -> None:
    run.may_leave = True  # as for the single ones below
    for tenth in range(10):
        run.load(STREAM // 10, seconds=STREAMS / 10, lead=2 + tenth * STREAMS / 10)
    victims = [*ROSTER, "consumer-1", "consumer-2"] + ([SWEEPER] if run.sweeper else [])
    ends = bootstrap.now() + timedelta(seconds=STREAMS)
    while bootstrap.now() < ends:
        run.pause(run.dice.uniform(0.5, 2.0))
        run.crew.kill(run.dice.choice(victims))


@fault(
    3,
    "kill -9 of producer, builder, retry consumer, sweeper",
    done="Planner, builder, producer, retry consumer and sweeper are killed in turn, three times each, at random "
    "moments.",
    holds="Nothing is lost, nothing goes out twice: none of them sends.",
)
def kill_the_others(run: Run) -> None:
    run.may_leave = True  # what PostgreSQL has and Redis was not told is the sweeper's to find
    run.provider.rules(Rule("unavailable", share=0.2))
    run.load(150, seconds=8)
    victims = ["planner", "builder", "producer", "retry-consumer"] + (["sweeper"] if run.sweeper else [])
    for victim in victims * 3:
        run.pause(run.dice.uniform(0.3, 1.0))
        run.wait_for(lambda who=victim: run.crew.kill(who), f"{victim} to kill")
    run.wait_for(lambda: run.did("unavailable"), "a refusal, after which something is tried again")


@fault(
    4,
    "SIGSTOP longer than lease and session",
    done="A consumer is stopped for 7 s while it holds claims (the lease is 4 s, the session 3 s), and then goes on.",
    holds="Its partitions and claims go to the other one; what it says when it wakes up changes nothing that has been "
    "settled.",
)
def freeze(run: Run) -> None:
    run.lines["http"].weather.delay = 0.3  # so that it holds some when it is stopped
    run.load(200, seconds=4)
    run.wait_until_accepted(0.1)
    run.crew.freeze("consumer-1")
    run.pause(7)
    run.prove(run.taken_over(), "no claim was taken over while it slept")
    run.notes.append(f"{run.taken_over()} claims were taken over while it slept")
    run.crew.thaw()
