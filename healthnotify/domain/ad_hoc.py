"""What somebody asks for, for no occasion: when it may be sent, and whether its words may be."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from healthnotify.domain.errors import BadInput, Rejected
from healthnotify.domain.facts import facts_for, fill
from healthnotify.domain.guardrails import Verdict, judge
from healthnotify.domain.guardrails.fixes import FIXES
from healthnotify.domain.model import Assignment, Category, Channel, Draft, Goal, Notification
from healthnotify.domain.routing import LONGEST
from healthnotify.domain.schedule import zone
from healthnotify.domain.wording import language_for, template_called

AD_HOC: Final = "ad_hoc"  #: the reason of the first move
LATENESS: Final = timedelta(minutes=1)  #: a send time may lie this far back: clocks differ, and requests take time
AHEAD: Final = timedelta(days=30)
LONGEST_LIFE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: exactly one of `draft`, `template` and `goal` says what to write."""

    category: Category
    channel: Channel
    draft: Draft | None = None
    template: str | None = None
    goal: Goal | None = None
    send_at: datetime | None = None  #: now
    expires_at: datetime | None = None  #: after the installation's usual time


@dataclass(frozen=True, slots=True)
class AdHoc:
    """A notification that somebody asked for, with what it is to say unless the model writes it."""

    plan: Notification
    asked_by: str
    draft: Draft | None = None
    template: str | None = None


def appoint(
    wanted: Wanted,
    *,
    identity: UUID,
    user_id: UUID,
    timezone: str,
    asked_by: str,
    now: datetime,
    expires_after: timedelta,
    tzdata: str,
) -> AdHoc:
    """Its row, as the planner would write it. Raises `Rejected` with all that is wrong about the times."""
    send_at = wanted.send_at or now
    expires_at = wanted.expires_at or send_at + expires_after
    problems = _problems(send_at, expires_at, now)
    if problems:
        raise Rejected(problems)
    wall_clock = send_at.astimezone(zone(timezone)).replace(tzinfo=None)
    template = template_called(wanted.template) if wanted.template else None
    plan = Notification(
        id=identity,
        user_id=user_id,
        category=wanted.category,
        channel=wanted.channel,
        goal=template.goal if template else wanted.goal,
        local_date=wall_clock.date(),
        slot=None,
        timezone=timezone,
        wall_clock=wall_clock,
        send_at=send_at,
        expires_at=expires_at,
        shift=None,
        tzdata=tzdata,
    )
    return AdHoc(plan, asked_by, wanted.draft, wanted.template)


def words(assignment: Assignment) -> tuple[Draft, Verdict]:
    """The given text or template, filled in, and what the guardrails say of it. Needs no model."""
    longest, language = LONGEST[assignment.channel], language_for(assignment.locale)
    by_people = assignment.draft is not None
    if assignment.draft is not None:
        draft, facts = assignment.draft, facts_for(name=assignment.name, language=language)
        verdict = judge(draft, longest=longest, filled=False, language=language, by_people=True)
    else:
        assert assignment.template is not None, "something was given"
        template = template_called(assignment.template)
        verdict = Verdict(allowed=template is not None, reasons=() if template else ("empty",))
        draft = template.draft if template else Draft("", "")
        language = template.language if template else language
        facts = facts_for(
            name=assignment.name,
            language=language,
            target=assignment.target,
            progress=assignment.progress,
            streak=assignment.streak,
        )
    filled = fill(draft, facts)
    if not verdict.allowed:
        return filled, verdict
    return filled, judge(filled, longest=longest, filled=True, language=language, given=facts, by_people=by_people)


def check_words(assignment: Assignment) -> None:
    """Raises `Rejected`, naming field, broken rule and fix, when they could not be sent as they are."""
    if assignment.template is not None and template_called(assignment.template) is None:
        fix = "Take an id from GET /api/v1/templates"
        raise Rejected([BadInput("template", "there is no template with that id", fix)])
    _, verdict = words(assignment)
    if verdict.allowed:
        return
    if assignment.template is not None:
        fix = "Choose one that needs only what is known of this user"
        raise Rejected([BadInput("template", f"it breaks the rule {verdict.reasons[0]} for this user", fix)])
    assert assignment.draft is not None
    longest, language = LONGEST[assignment.channel], language_for(assignment.locale)
    raise Rejected(
        [
            BadInput(field, f"it breaks the rule {code}", FIXES[code].format(longest=longest))
            for code in verdict.reasons
            for field in _fields(assignment.draft, code, longest, language)
        ]
    )


def _problems(send_at: datetime, expires_at: datetime, now: datetime) -> list[BadInput]:
    problems = []
    if send_at < now - LATENESS:
        problems.append(BadInput("send_at", "it is past", "Give a time to come, or none to send at once"))
    if send_at > now + AHEAD:
        problems.append(BadInput("send_at", "it is too far ahead", f"Give a time within {AHEAD.days} days"))
    if expires_at <= max(send_at, now):
        problems.append(BadInput("expires_at", "nothing could be sent before it", "Give a time after send_at"))
    if expires_at > send_at + LONGEST_LIFE:
        problems.append(
            BadInput("expires_at", "it is too late", f"Give a time within {LONGEST_LIFE.days} days of send_at")
        )
    return problems


def _fields(draft: Draft, code: str, longest: int, language: str) -> list[str]:
    """Which of the two breaks that rule: each is judged beside a word that breaks none."""
    parts = {"subject": Draft(draft.subject, "Hello"), "text": Draft("Hello", draft.text)}
    blamed = [
        name
        for name, part in parts.items()
        if any(
            code in judge(part, longest=longest, filled=filled, language=language, by_people=True).reasons
            for filled in (False, True)
        )
    ]
    return blamed or ["text"]
