"""The scenarios in which the protocol itself is searched to the end, and how large each must at least be."""

from functools import cache

from healthnotify.domain.routing import Promise
from tests.model.cache import waits
from tests.model.scenarios import AS_CODED, CRASH, FLUSH, KILLS, REPLY, REPORT, ROLLBACK, Scenario
from tests.model.search import Found, search
from tests.model.world import ACCEPTED, DAILY, PERMANENT, RETRIES, TRANSIENT, World

IT_DEPENDS = (ACCEPTED, TRANSIENT)
TEXT = Promise.AT_MOST_ONCE
SEARCHES = (
    (Scenario("a text, two faults", TEXT), 10_000),
    (Scenario("a webhook, two faults", Promise.CONSTANT_ID), 10_000),
    (Scenario("an e-mail, two faults", Promise.ONE_EXTRA), 10_000),
    (
        Scenario("an e-mail, two faults, the sweeper at work", tries=1, sweeps=True, outcomes=(ACCEPTED, PERMANENT)),
        20_000,
    ),
    (Scenario("a text, one fault, the sweeper at work", TEXT, faults=1, sweeps=True), 2_000),
    (Scenario("a text that may expire", TEXT, tries=1, faults=1, expires=True, early=True, withholds=True), 900),
    (
        Scenario(
            "an e-mail that may expire, the sweeper at work", tries=1, faults=1, expires=True, early=True, sweeps=True
        ),
        2_000,
    ),
    (
        Scenario(
            "a text that is brought back",
            TEXT,
            tries=1,
            faults=1,
            redrives=1,
            sweeps=True,
            outcomes=(ACCEPTED, PERMANENT),
        ),
        2_000,
    ),
    (Scenario("a text that is put off, two faults", TEXT, tries=1, deferrals=1, withholds=True), 15_000),
    (Scenario("an e-mail that is put off", tries=1, faults=1, deferrals=1), 1_000),
    (Scenario("two e-mails on one partition", notifications=2, outcomes=(ACCEPTED,), on_the_road=True), 8_000),
    (
        Scenario(
            "the cache comes and goes, the sweeper at work",
            tries=1,
            faults=1,
            cached=True,
            sweeps=True,
            outcomes=IT_DEPENDS,
        ),
        3_000,
    ),
    (
        Scenario(
            "the cache is lost twice",
            tries=1,
            cached=True,
            sweeps=True,
            outcomes=(ACCEPTED,),
            kinds=frozenset({CRASH, FLUSH, ROLLBACK, REPLY, REPORT}),
        ),
        1_000,
    ),
    (Scenario("records are counted", tries=1, faults=1, sweeps=True, outcomes=IT_DEPENDS, most_records=10), 2_000),
    (
        Scenario(
            "records are counted, with the cache",
            tries=1,
            faults=1,
            cached=True,
            sweeps=True,
            outcomes=(ACCEPTED,),
            most_records=8,
        ),
        2_000,
    ),
    (
        Scenario(
            "an e-mail that kills whoever reads it",
            tries=1,
            faults=2,
            cached=True,
            sweeps=True,
            outcomes=IT_DEPENDS,
            kinds=frozenset({KILLS, CRASH, REPLY, REPORT}),
        ),
        2_000,
    ),
    (
        Scenario(
            "a text that kills whoever reads it, and is brought back",
            TEXT,
            tries=1,
            faults=2,
            redrives=1,
            sweeps=True,
            on_the_road=True,
            outcomes=IT_DEPENDS,
            kinds=frozenset({KILLS, CRASH}),
        ),
        2_000,
    ),
    (Scenario("exactly, without a fault", faults=0, exact=True), 15_000),
)
#: Each with the number of states below which something is wrong with the search.
EVERY = {scenario.name: (scenario, floor) for scenario, floor in SEARCHES}
#: What nobody but the sweeper mends.
ALONE = Scenario("the cache without the sweeper", faults=1, cached=True, outcomes=IT_DEPENDS)


@cache
def whole(name: str) -> Found:
    """What the search of that scenario finds."""
    return search(EVERY[name][0], AS_CODED)


@cache
def without_sweeper() -> Found:
    """What stands still for ever when nobody sweeps."""
    return search(ALONE, AS_CODED)


def is_forgotten_by_the_cache(w: World) -> bool:
    """Whether a row waits for its time in PostgreSQL, and the warm cache does not have it in the due index."""
    row, entry = w.rows[0], w.redis.entries[0]
    waits_in = next((index for index in (DAILY, RETRIES) if waits(row, index)), None)
    return w.redis.warm and waits_in is not None and (entry is None or entry.index != waits_in)
