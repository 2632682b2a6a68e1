"""Write what is planned: PLANNED -> STAGED. `take` leases, `write` drafts and judges, `settle` saves and caches.

What was asked for with words of its own needs no model: `take` judges it and has it ready at once, however many slow
model calls are under way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final

from healthnotify.domain import ad_hoc
from healthnotify.domain.delivery import Step
from healthnotify.domain.facts import facts_for, fill, progress_bucket
from healthnotify.domain.guardrails import judge
from healthnotify.domain.model import Assignment, Brief, Draft, Message, Provenance, Withheld
from healthnotify.domain.routing import LONGEST
from healthnotify.domain.wording import language_for, template_for
from healthnotify.pipeline import caching
from healthnotify.pipeline.ports import BuildingStore, NotWritten, Staging, Writer

MODEL: Final = "model"
TEMPLATE: Final = "template"
GIVEN: Final = "given"
VARIANTS: Final = "abc"
#: Less time than this before the send, and the model is not even asked.
SHORTEST_CALL: Final = timedelta(seconds=1)
#: How many given texts are taken at a time: they have room of their own.
MOST_GIVEN: Final = 100


@dataclass(frozen=True, slots=True)
class Writing:
    """How long a builder keeps an assignment, and how long the model may take at most."""

    lease: timedelta
    deadline: timedelta


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of those that were leased."""

    to_write: list[Assignment]
    ready: list[Message]  #: their words were given
    steps: list[Step]  #: of those that must no longer be sent


def take(*, now: datetime, limit: int, store: BuildingStore, writing: Writing) -> Taken:
    """Lease up to `limit` planned notifications for the model, and those whose words were given; those that must no
    longer be sent are cancelled instead."""
    leased = store.lease_planned(now, now + writing.lease, limit, MOST_GIVEN)
    reasons = {one.id: reason for one in leased if (reason := _withheld(one, now))}
    live = [one for one in leased if one.id not in reasons]
    given = {one.id: _given(one) for one in live if not one.needs_model}
    reasons |= {key: Withheld.UNFIT for key, message in given.items() if message is None}
    return Taken(
        to_write=[one for one in live if one.needs_model],
        ready=[message for message in given.values() if message is not None],
        steps=store.cancel(reasons, now) if reasons else [],
    )


async def write(assignment: Assignment, *, now: datetime, writer: Writer, writing: Writing) -> Message:
    """The message: the model's when it comes in time and passes the guardrails, else a reviewed template's.

    No notification waits on the model: it has until the send time, and never more than `writing.deadline`. Only what
    somebody asked for at short notice waits for it, because else a template would be all they could ever get.
    """
    brief = brief_for(assignment)
    facts = facts_for(
        name=assignment.name,
        language=brief.language,
        target=assignment.target,
        progress=assignment.progress,
        streak=assignment.streak,
    )
    needed_by = assignment.expires_at if assignment.asked_by else assignment.send_at
    time_left = min(writing.deadline, needed_by - now)
    try:
        draft = await _draft(brief, time_left, writer)
        filled = _approved(draft, facts, brief)
    except NotWritten as problem:
        return _from_template(assignment, brief, facts, why=problem.reason)
    return _message(assignment, filled, Provenance(MODEL, writer.model, _names_of(brief), writer.prompt_id))


def settle(messages: Sequence[Message], *, now: datetime, store: BuildingStore, staging: Staging) -> list[Step]:
    """Encrypt and save the texts, then cache them. What has moved on in the meantime is left alone."""
    steps, entries = store.stage(messages, now)
    caching.put(staging, entries)
    return steps


def brief_for(assignment: Assignment) -> Brief:
    """All that the model learns: codes and buckets, nothing that tells who it is."""
    assert assignment.goal is not None, "a model writes about a goal"
    return Brief(
        goal=assignment.goal,
        category=assignment.category,
        progress=progress_bucket(assignment.progress, assignment.target),
        tone="warm",
        language=language_for(assignment.locale),
        reading_level="plain",
        variant=VARIANTS[_turn(assignment) % len(VARIANTS)],
        longest=LONGEST[assignment.channel],
    )


async def _draft(brief: Brief, time_left: timedelta, writer: Writer) -> Draft:
    if time_left < SHORTEST_CALL:
        raise NotWritten("too_late")
    draft = await writer.write(brief, time_left)
    verdict = judge(draft, longest=brief.longest, filled=False, language=brief.language)
    if not verdict.allowed:
        raise NotWritten(f"guardrail_{verdict.reasons[0]}")
    return draft


def _approved(draft: Draft, facts: dict[str, str], brief: Brief) -> Draft:
    """Judged again with the values filled in: a value can break a rule too."""
    filled = fill(draft, facts)
    verdict = judge(filled, longest=brief.longest, filled=True, language=brief.language, given=facts)
    if not verdict.allowed:
        raise NotWritten(f"guardrail_filled_{verdict.reasons[0]}")
    return filled


def _from_template(assignment: Assignment, brief: Brief, facts: dict[str, str], why: str) -> Message:
    template = template_for(brief.goal, brief.category, brief.language, _turn(assignment), facts)
    provenance = Provenance(TEMPLATE, template.id, (), why_template=why)
    try:
        return _message(assignment, _approved(template.draft, facts, brief), provenance)
    except NotWritten:
        # A value breaks a rule: the greeting without a name and a template without values always pass (tested).
        plain = facts_for(name="", language=brief.language)
        template = template_for(brief.goal, brief.category, brief.language, _turn(assignment), plain)
        provenance = Provenance(TEMPLATE, template.id, (), why_template=why)
        return _message(assignment, _approved(template.draft, plain, brief), provenance)


def _given(assignment: Assignment) -> Message | None:
    """The message of the words that were given, or None when they break a rule now."""
    filled, verdict = ad_hoc.words(assignment)
    if not verdict.allowed:
        return None
    source, author = (TEMPLATE, assignment.template) if assignment.template else (GIVEN, assignment.asked_by)
    return _message(assignment, filled, Provenance(source, author or "", ()))


def _message(assignment: Assignment, text: Draft, provenance: Provenance) -> Message:
    return Message(assignment.id, assignment.user_id, text.subject, text.text, provenance, assignment.send_at)


def _names_of(brief: Brief) -> tuple[str, ...]:
    return tuple(field.name for field in fields(brief))


def _withheld(assignment: Assignment, now: datetime) -> Withheld | None:
    return assignment.withheld or (Withheld.EXPIRED if assignment.expires_at <= now else None)


def _turn(assignment: Assignment) -> int:
    """Goes on by one a day, and starts elsewhere for everybody: nobody is told today what they were told yesterday."""
    return assignment.user_id.int + assignment.send_at.toordinal()
