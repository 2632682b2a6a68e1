"""People who change their minds, or leave, between staging and sending."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from healthnotify import bootstrap
from healthnotify.apps.users import changes, erasure, people
from healthnotify.apps.users.changes import Before
from healthnotify.domain.people import NewPerson
from tests.chaos.faults import fault
from tests.chaos.judge import Verdict
from tests.chaos.provider import Rule
from tests.chaos.run import Run

PEOPLE: Final = 150
EACH: Final = 6  # people for each way to leave, in each state
ACTOR: Final = "operator:chaos"
#: A message that is on its way out cannot be taken back: a send's time, and the moment between the look and the send.
ON_ITS_WAY: Final = timedelta(seconds=2)
REASONS: Final = {
    "opts out": {"opted_out"},
    "takes the address away": {"opted_out"},
    "is deactivated": {"user_inactive"},
    "is erased": {"erased"},
}
STATES: Final = ("STAGED", "PENDING", "RETRY")


@fault(
    47,
    "opt-out, erasure between staging and sending",
    done="People opt out, take their address away, are deactivated or erased while their notification is staged, is on "
    "the road, or waits for its next try.",
    holds="Nothing goes out to them later than what was on its way at that moment; the notification is CANCELLED with "
    "the reason; of who is erased no text is left.",
)
def leave(run: Run) -> None:
    gone: dict[str, tuple[str, datetime]] = {}
    run.crew.dismiss("producer")
    run.load(PEOPLE, seconds=1)
    run.wait_for(lambda: run.states().get("STAGED", 0) >= PEOPLE, "all are staged")
    _leave(run, "STAGED", gone)
    roster = run.crew.labels
    for label in ("consumer-1", "consumer-2"):
        run.crew.dismiss(label)
    run.crew.employ((*(label for label in roster if not label.startswith("consumer")), "producer"))
    run.wait_for(lambda: run.states().get("PENDING", 0) >= PEOPLE // 2, "half are on the road")
    _leave(run, "PENDING", gone)
    run.provider.rules(Rule("unavailable"))
    run.crew.employ((*run.crew.labels, "consumer-1", "consumer-2"))
    run.wait_for(lambda: run.states().get("RETRY", 0) >= PEOPLE // 4, "a quarter waits for its next try")
    _leave(run, "RETRY", gone)
    run.provider.rules()
    run.prove(len(gone) >= PEOPLE // 4, f"{len(gone)} left")
    run.checks.append(lambda verdict: _left_alone(run, gone, verdict))


def _leave(run: Run, state: str, gone: dict[str, tuple[str, datetime]]) -> None:
    rows = [row for row in run.ledger.rows(list(run.loads.asked)) if row.state == state and row.id not in gone]
    chosen = run.dice.sample(rows, min(len(rows), EACH * len(REASONS)))
    for place, row in enumerate(chosen):
        way = list(REASONS)[place % len(REASONS)]
        WAYS[way](UUID(row.user_id))
        gone[row.id] = (way, bootstrap.now())
    run.notes.append(f"{len(chosen)} left while theirs was {state}")


def _change(alter: Callable[[NewPerson], NewPerson]) -> Callable[[UUID], None]:
    def altered(before: Before) -> NewPerson:
        return alter(before.person)

    def act(user_id: UUID) -> None:
        changes.change(user_id, altered, now=bootstrap.now(), ring=bootstrap.ring(), http_webhooks=True)

    return act


def _erase(user_id: UUID) -> None:
    erasure.erase(user_id, now=bootstrap.now(), ring=bootstrap.ring(), actor=ACTOR)


WAYS: Final[dict[str, Callable[[UUID], None]]] = {
    "opts out": _change(
        lambda person: replace(person, preferences=tuple(replace(wish, enabled=False) for wish in person.preferences))
    ),
    "takes the address away": _change(lambda person: replace(person, addresses={}, preferences=())),
    "is deactivated": lambda user_id: people.deactivate([user_id]),
    "is erased": _erase,
}


def _left_alone(run: Run, gone: dict[str, tuple[str, datetime]], verdict: Verdict) -> None:
    asked = "SELECT id::text FROM notifications WHERE user_id = ANY(%s) AND message_sealed IS NOT NULL"
    with_text = {key for (key,) in run.ledger.ask(asked, list(run.loads.asked))}
    taken = {one.id: one.at for one in run.requests() if one.accepted}
    for row in run.ledger.rows(list(run.loads.asked)):
        if row.id not in gone:
            continue
        way, at = gone[row.id]
        if row.id in taken and taken[row.id] > at + ON_ITS_WAY:
            verdict.broken("consent", f"{row.id} went out {taken[row.id] - at} after its user {way}")
        if row.id not in taken and (row.state != "CANCELLED" or row.reason not in REASONS[way]):
            verdict.broken("consent", f"the user {way}, and {row.id} is {row.state} ({row.reason})")
        if way == "is erased" and row.id in with_text:
            verdict.broken("erasure", f"{row.id} still has its text, though its user {way}")
