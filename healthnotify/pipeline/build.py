"""Write what is planned: PLANNED -> STAGED. `take` leases, `write` drafts and judges, `settle` saves and caches."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final

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
VARIANTS: Final = "abc"
#: Less time than this before the send, and the model is not even asked.
SHORTEST_CALL: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Writing:
    """How long a builder keeps an assignment, and how long the model may take at most."""

    lease: timedelta
    deadline: timedelta


def take(*, now: datetime, limit: int, store: BuildingStore, writing: Writing) -> tuple[list[Assignment], list[Step]]:
    """Lease up to `limit` planned notifications; those that must no longer be sent are cancelled instead."""
    leased = store.lease_planned(now, now + writing.lease, limit)
    reasons = {one.id: reason for one in leased if (reason := _withheld(one, now))}
    return [one for one in leased if one.id not in reasons], store.cancel(reasons, now) if reasons else []


async def write(assignment: Assignment, *, now: datetime, writer: Writer, writing: Writing) -> Message:
    """The message: the model's when it comes in time and passes the guardrails, else a reviewed template's.

    No notification waits on the model: it has until the send time, and never more than `writing.deadline`.
    """
    brief = brief_for(assignment)
    facts = facts_for(
        name=assignment.name,
        language=brief.language,
        target=assignment.target,
        progress=assignment.progress,
        streak=assignment.streak,
    )
    time_left = min(writing.deadline, assignment.send_at - now)
    try:
        draft = await _draft(brief, time_left, writer)
        filled = _approved(draft, facts, brief.longest)
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
    verdict = judge(draft, longest=brief.longest, filled=False)
    if not verdict.allowed:
        raise NotWritten(f"guardrail_{verdict.reasons[0]}")
    return draft


def _approved(draft: Draft, facts: dict[str, str], longest: int) -> Draft:
    """Judged again with the values filled in: a value can break a rule too."""
    filled = fill(draft, facts)
    verdict = judge(filled, longest=longest, filled=True)
    if not verdict.allowed:
        raise NotWritten(f"guardrail_filled_{verdict.reasons[0]}")
    return filled


def _from_template(assignment: Assignment, brief: Brief, facts: dict[str, str], why: str) -> Message:
    template = template_for(assignment.goal, brief.language, _turn(assignment), facts)
    provenance = Provenance(TEMPLATE, template.id, (), why_template=why)
    try:
        return _message(assignment, _approved(template.draft, facts, brief.longest), provenance)
    except NotWritten:
        # A value breaks a rule: the greeting without a name and a template without values always pass (tested).
        plain = facts_for(name="", language=brief.language)
        template = template_for(assignment.goal, brief.language, _turn(assignment), plain)
        provenance = Provenance(TEMPLATE, template.id, (), why_template=why)
        return _message(assignment, _approved(template.draft, plain, brief.longest), provenance)


def _message(assignment: Assignment, text: Draft, provenance: Provenance) -> Message:
    return Message(assignment.id, assignment.user_id, text.subject, text.text, provenance)


def _names_of(brief: Brief) -> tuple[str, ...]:
    return tuple(field.name for field in fields(brief))


def _withheld(assignment: Assignment, now: datetime) -> Withheld | None:
    return assignment.withheld or (Withheld.EXPIRED if assignment.expires_at <= now else None)


def _turn(assignment: Assignment) -> int:
    """Goes on by one a day, and starts elsewhere for everybody: nobody is told today what they were told yesterday."""
    return assignment.user_id.int + assignment.send_at.toordinal()
