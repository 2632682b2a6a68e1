"""One notification of each kind, by what became of it."""

from types import SimpleNamespace

from healthnotify.domain.delivery import OUTCOME_UNKNOWN, Accepted, DeadLetter
from healthnotify.domain.model import Channel
from tests.builders import a_person, a_preference, planned, record_of, staged
from tests.postgres_store import TestedPostgres
from tests.store_steps import LATER, claim, refused


def every_kind(store: TestedPostgres) -> SimpleNamespace:
    mails = staged(store, [a_person(external_id=f"reader-{number}") for number in range(4)])
    (text,) = staged(store, [a_person(preferences=(a_preference(Channel.SMS),))])
    (bare,) = planned(store, [a_person()])
    done, failed, cancelled, waiting = mails
    store.complete({done.id: (claim(store, done), Accepted("ok"))}, LATER)
    given_up(store, failed, "smtp_550")
    given_up(store, text, OUTCOME_UNKNOWN)
    store.cancel({cancelled.id: "capped"}, LATER)
    return SimpleNamespace(
        done=done, failed=failed, unknown=text, cancelled=cancelled, waiting=waiting, planned=bare, store=store
    )


def given_up(store: TestedPostgres, entry, reason: str) -> None:
    refused(store, entry)
    store.give_up([DeadLetter(reason, record_of(entry))], LATER)
