"""Builders for tests: they name only what the test is about."""

from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

from healthnotify.domain.ad_hoc import AdHoc, Wanted, appoint
from healthnotify.domain.delivery import Ask, Due, Envelope, Failure, FailureKind
from healthnotify.domain.model import Category, Channel, Draft, Goal, Message, Provenance
from healthnotify.domain.people import NewGoal, NewPerson, NewPreference
from healthnotify.pipeline.plan import Planning, plan

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PLANNING = Planning(ahead=timedelta(minutes=15), expires_after=timedelta(hours=4), tzdata="2026.6")
WORDS = Draft("Your appointment", "{greeting}\nWe look forward to seeing you.")
REFUSED = Failure(FailureKind.TRANSIENT, "smtp_451")
BAD_ADDRESS = Failure(FailureKind.PERMANENT, "smtp_550")


def a_person(**but) -> NewPerson:
    """Somebody in Berlin who gets an e-mail at 13:05, five minutes after `NOON`."""
    known = {
        "external_id": f"p-{uuid4().hex}",
        "name": "Anna",
        "timezone": "Europe/Berlin",
        "addresses": {Channel.EMAIL: "anna@example.org", Channel.SMS: "+4915112345678"},
        "preferences": (NewPreference(Category.NUDGE, Channel.EMAIL, (time(13, 5),)),),
        "goals": (NewGoal(Goal.WALK_MORE, target=8000, progress=3000),),
    }
    return NewPerson(**(known | but))


def a_preference(channel=Channel.EMAIL, **but) -> NewPreference:
    """Daily at 13:05."""
    return NewPreference(**({"category": Category.NUDGE, "channel": channel, "times": (time(13, 5),)} | but))


def a_message(assignment, text="Ten minutes outside?") -> Message:
    """What a builder makes of it."""
    provenance = Provenance("model", "stand-in", ("goal",))
    return Message(assignment.id, assignment.user_id, "A walk", text, provenance, assignment.send_at)


def planned(store, people, at=NOON):
    """Enter people and plan their next quarter of an hour; answers the ids of their notifications."""
    store.add(people, at)
    return [step.id for step in plan(now=at, limit=1000, store=store, planning=PLANNING)[0]]


def staged(store, people=None, at=NOON):
    """The same, written: answers the cache entries."""
    planned(store, [a_person()] if people is None else people, at)
    assignments = store.lease_planned(at, at + timedelta(minutes=1), 1000)
    return store.stage([a_message(one) for one in assignments], at)[1]


def an_ad_hoc(user_id, at=NOON, **but) -> AdHoc:
    """Somebody asked for it, with words of its own, to be sent at once by e-mail."""
    wanted = Wanted(**({"category": Category.SERVICE, "channel": Channel.EMAIL, "draft": WORDS} | but))
    return appoint(
        wanted,
        identity=uuid4(),
        user_id=user_id,
        timezone="Europe/Berlin",
        asked_by="key:test",
        now=at,
        expires_after=PLANNING.expires_after,
        tzdata=PLANNING.tzdata,
    )


def record_of(entry, attempt=1) -> Envelope:
    """The record that announces an attempt of a cached notification."""
    due = Due(entry.id, entry.user_id, entry.category, entry.channel, 0, entry.send_at, entry.expires_at)
    return due.envelope(attempt)


def ask(entry, attempt=1, claim_id=None) -> Ask:
    """A wish to claim that attempt."""
    return Ask(record_of(entry, attempt), claim_id or uuid4())
