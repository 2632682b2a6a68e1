"""Rules of the protocol, each broken once, and where the break shows; and what the model has found in the code."""

from dataclasses import dataclass, replace
from functools import cache

from healthnotify.domain.routing import Promise
from tests.model.planning import PLANNING_MUTANTS, search_planning
from tests.model.scenarios import (
    ANSWER,
    AS_CODED,
    CRASH,
    KILLS,
    LEASE,
    REBALANCE,
    REPLY,
    REPORT,
    Protocol,
    Scenario,
)
from tests.model.search import Found, search
from tests.model.world import ACCEPTED


@dataclass(frozen=True)
class Mutant:
    """One broken rule: what breaks, in words, in which scenario, and which invariant catches it."""

    switch: str
    rule: str
    scenario: Scenario
    caught_by: str


def _mutant(switch: str, rule: str, caught_by: str, **scenario: object) -> Mutant:
    return Mutant(switch, rule, Scenario(switch, **({"faults": 1} | scenario)), caught_by)


TEXT, COPY = Promise.AT_MOST_ONCE, Promise.CONSTANT_ID
FROM_THE_ROAD = {"on_the_road": True, "outcomes": (ACCEPTED,)}

MUTANTS = {
    one.switch: one
    for one in (
        _mutant("commits_before_outcome", "The offset is committed once the record is claimed", "I5", faults=0),
        _mutant(
            "moves_before_report", "PENDING is recorded before Kafka has confirmed the record", "I1", kinds={CRASH}
        ),
        _mutant("fails_before_dead_letter", "FAILED is recorded before the dead letter is confirmed", "DL", faults=0),
        _mutant("skips_busy", "A record that somebody else holds is skipped instead of parked", "I5"),
        _mutant(
            "fences_nothing", "Outcomes are recorded whoever reports them", "I3", faults=2, kinds={REBALANCE, LEASE}
        ),
        _mutant("publishes_without_comparing", "PENDING is recorded whatever the state is", "I4", faults=0),
        _mutant("lease_shorter_than_send", "A lease ends while its holder is still sending", "I3", kinds={REPORT}),
        _mutant(
            "leaves_due_index",
            "What was published stays in the due index",
            "I8",
            faults=0,
            cached=True,
            most_records=2,
            outcomes=(ACCEPTED,),
        ),
        _mutant(
            "success_needs_lease",
            "A success counts for the holder of the lease only",
            "I4",
            faults=2,
            promise=TEXT,
            kinds={REBALANCE, LEASE},
        ),
        _mutant(
            "sweeps_what_is_queued",
            "The sweeper goes by age alone",
            "I8",
            faults=0,
            sweeps=True,
            most_records=2,
            outcomes=(ACCEPTED,),
        ),
        _mutant("finishes_before_decision", "A retry record is finished before the decision", "I5", faults=0),
        _mutant("resends_ambiguous_text", "A text that may have been sent is sent again", "I3", promise=TEXT),
        _mutant(
            "asks_again_when_fenced",
            "A record is finished because its outcome came too late, though the new holder's "
            "own record may lie on a partition that it has lost",
            "I5",
            faults=2,
            kinds={REBALANCE, LEASE},
        ),
        _mutant(
            "looks_again", "A message that was looked at in time is sent after its expiry", "I7", faults=0, expires=True
        ),
        _mutant(
            "remembers_doubt",
            "A claim that took over is no longer ambiguous when it is asked for again",
            "I3",
            faults=2,
            promise=TEXT,
            kinds={CRASH, REPLY},
        ),
        _mutant(
            "retries_unknown_text", "An unknown outcome of a text is tried again", "I3", promise=TEXT, kinds={ANSWER}
        ),
        _mutant(
            "claims_in_memory_only", "The claim is not recorded before the send", "I3", promise=TEXT, **FROM_THE_ROAD
        ),
        _mutant("claims_without_attempt", "The claim does not record its attempt", "I5"),
        _mutant("returns_before_record", "RETRY is recorded before its record is confirmed", "I1", kinds={CRASH}),
        _mutant("hands_over_before_report", "The retry record comes before the failure is recorded", "I5", faults=0),
        _mutant(
            "shrugs_at_missing",
            "A record of an unknown id is finished with a shrug",
            "DL",
            faults=0,
            unknown_id=True,
            **FROM_THE_ROAD,
        ),
        _mutant(
            "commits_the_highest",
            "Offsets are committed up to the highest finished one",
            "I5",
            faults=0,
            notifications=2,
            exact=True,
            **FROM_THE_ROAD,
        ),
        _mutant("new_id_each_attempt", "Each attempt has an id of its own", "I3", promise=COPY, kinds={ANSWER}),
        _mutant("never_catches_up", "The retry consumer waits for the consumer to record RETRY", "I5", faults=0),
        _mutant("takes_silence_for_success", "No answer of the provider counts as a yes", "I2", kinds={ANSWER}),
        _mutant(
            "leaves_what_is_buried",
            "A record that kills whoever reads it is buried, and its notification is left as it is",
            "I8",
            sweeps=True,
            most_records=2,
            kinds={KILLS},
            **FROM_THE_ROAD,
        ),
        _mutant(
            "brings_back_what_is_buried",
            "What ended because its record was buried unread counts as never sent",
            "I3",
            faults=2,
            promise=TEXT,
            sweeps=True,
            redrives=1,
            kinds={KILLS, CRASH},
            **FROM_THE_ROAD,
        ),
        _mutant(
            "looks_at_no_clock", "Nobody looks at the expiry when a record is claimed", "I7", faults=0, expires=True
        ),
    )
}


def broken(name: str) -> Protocol:
    """The protocol with that rule broken, and nothing else; or without that of the first switches."""
    if name == "looks_at_no_clock":
        return replace(AS_CODED, looks_at_no_clock=True, looks_again=False)
    return replace(AS_CODED, **{name: not getattr(AS_CODED, name)})


@cache
def caught(name: str) -> Found:
    """What the search for that mutant, or finding, finds."""
    if name in PLANNING_MUTANTS:
        return search_planning(name)
    return search(MUTANTS[name].scenario, broken(name))
