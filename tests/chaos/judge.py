"""The judgement of one run: what was asked for, what the ledger says, what the provider took. Pure."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from tests.chaos.ledger import Move, Row

EMAIL: Final = "email"
SMS: Final = "sms"
COMPLETED: Final = "COMPLETED"
ENDED: Final = frozenset({COMPLETED, "FAILED", "CANCELLED"})
#: Reasons of a refusal after which the mail may have been taken all the same: it may be sent once more for each.
DOUBTFUL: Final = frozenset({"timeout", "disconnected", "bad_answer", "smtp_garbage"})
#: Reasons to give up that say themselves that the message may have been taken.
UNKNOWN: Final = frozenset({"outcome_unknown"}) | DOUBTFUL


@dataclass(frozen=True, slots=True)
class Request:
    """A line of the provider's log."""

    number: int
    at: datetime
    channel: str
    id: str
    did: str
    accepted: bool

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> "Request":
        """From the log."""
        at = datetime.fromisoformat(line["at"])
        return cls(line["number"], at, line["channel"], line["id"], line["did"], line["accepted"])


def read_log(text: str, known: int) -> list[Request]:
    """The provider's log, which has `known` lines as it says itself. Raises `ValueError` when one is missing."""
    lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    numbers = [line["number"] for line in lines]
    if len(lines) < known or numbers != list(range(1, len(lines) + 1)):
        raise ValueError(f"the provider's log is incomplete: {len(lines)} lines, {known} requests")
    return [Request.of(line) for line in lines]


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of a run."""

    asked: Mapping[str, str]  #: user -> channel, as the load wrote them: one notification each
    rows: Sequence[Row]
    moves: Sequence[Move]
    requests: Sequence[Request]
    attempts: int  #: tries that a notification has at most
    send_timeout: timedelta
    punctual: timedelta  #: what is accepted later than this after its time is late
    calm: Sequence[tuple[datetime, datetime]] = ()  #: when no fault was to be felt: only then late counts
    evidence: Mapping[str, int] = field(default_factory=dict)  #: the sums of `manage.py evidence`


@dataclass
class Verdict:
    """What became of a run."""

    planned: int = 0
    accepted: int = 0  #: notifications that the provider took at least once
    duplicates: int = 0  #: acceptances beyond the first
    lost: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)  #: notifications with more copies than the channel's promise
    late: list[str] = field(default_factory=list)
    violations: dict[str, list[str]] = field(default_factory=dict)  #: invariant -> what broke it
    ended: Counter[str] = field(default_factory=Counter)  #: state, with its reason when not completed

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.beyond or self.violations)

    def broken(self, invariant: str, text: str) -> None:
        """Note a breach."""
        self.violations.setdefault(invariant, []).append(text)


def judge(case: Case) -> Verdict:
    """Compare one by one."""
    verdict = Verdict()
    taken: dict[str, list[Request]] = defaultdict(list)
    for request in case.requests:
        if request.accepted:
            taken[request.id].append(request)
    rows = {row.id: row for row in case.rows}
    _planned(case, verdict)
    for row in case.rows:
        verdict.ended[row.state if row.state == COMPLETED else f"{row.state} ({row.reason})"] += 1
        _fate(row, taken.get(row.id, []), verdict)
        _copies(row, taken.get(row.id, []), case, verdict)
        _times(row, taken.get(row.id, []), case, verdict)
    _moves(rows, case, verdict)
    _evidence(rows, case, verdict)
    for stranger in set(taken) - set(rows):
        verdict.broken("I2", f"the provider took {stranger or 'something without an id'}, which nobody planned")
    return verdict


def _planned(case: Case, verdict: Verdict) -> None:
    counts = Counter(row.user_id for row in case.rows)
    verdict.planned = len(case.asked)
    verdict.lost += [f"of user {user}: never planned" for user in case.asked if not counts[user]]
    for user, count in counts.items():
        if count > 1:
            verdict.broken("I11", f"user {user} has {count} notifications for one occasion")


def _fate(row: Row, taken: Sequence[Request], verdict: Verdict) -> None:
    if taken:
        verdict.accepted += 1
        if row.state != COMPLETED and not (row.state == "FAILED" and row.reason in UNKNOWN):
            verdict.broken("agreement", f"{row.id} is {row.state} ({row.reason}), and the provider took it")
    elif row.state == COMPLETED:
        verdict.broken("I2", f"{row.id} is COMPLETED, and the provider never took it")
        verdict.lost.append(f"{row.id}: COMPLETED without an acceptance")
    elif row.state not in ENDED or not row.reason:
        verdict.lost.append(f"{row.id}: {row.state} ({row.reason})")


def _copies(row: Row, taken: Sequence[Request], case: Case, verdict: Verdict) -> None:
    extra = max(0, len(taken) - 1)
    verdict.duplicates += extra
    if row.channel == SMS:
        allowed = 0
    elif row.channel == EMAIL:
        allowed = sum(
            move.event == "taken_over" or (move.event == "refused" and move.reason in DOUBTFUL)
            for move in case.moves
            if move.id == row.id
        )
    else:
        return  # the receiver knows the id: a second copy replaces the first
    if extra > allowed:
        verdict.beyond.append(f"{row.id} ({row.channel}): {len(taken)} copies, {1 + allowed} at most")


def _times(row: Row, taken: Sequence[Request], case: Case, verdict: Verdict) -> None:
    if not taken:
        return
    first, last = min(one.at for one in taken), max(one.at for one in taken)
    if first < row.send_at:
        verdict.broken("I7", f"{row.id} was taken {(row.send_at - first).total_seconds():.3f} s early")
    if last > row.expires_at + case.send_timeout:
        verdict.broken("I7", f"{row.id} was taken {(last - row.expires_at).total_seconds():.3f} s after its expiry")
    in_calm = any(begin <= row.send_at <= end for begin, end in case.calm)
    if in_calm and first > row.send_at + case.punctual:
        verdict.late.append(f"{row.id}: {(first - row.send_at).total_seconds():.1f} s")


def _moves(rows: Mapping[str, Row], case: Case, verdict: Verdict) -> None:
    last: dict[str, Move] = {}
    for move in case.moves:
        before = last.get(move.id)
        if before and before.after == COMPLETED:
            verdict.broken("I4", f"{move.id} was COMPLETED, and then {move.event}")
        if move.before != (before.after if before else None):
            verdict.broken("I4", f"{move.id} moved from {move.before}, but it was {before.after if before else None}")
        last[move.id] = move
    for key, row in rows.items():
        if key not in last or last[key].after != row.state:
            verdict.broken("I4", f"{key} is {row.state}, and no move led there")
        if row.attempt - row.uncounted > case.attempts:
            verdict.broken("I8", f"{key} was tried {row.attempt - row.uncounted} times, {case.attempts} at most")


def _evidence(rows: Mapping[str, Row], case: Case, verdict: Verdict) -> None:
    """The command's sums must be those of the rows, one by one, and hide no copy."""
    if not case.evidence:
        return
    states = Counter(row.state for row in rows.values())
    expected = {
        "planned": len(rows),
        "completed": states[COMPLETED],
        "failed": states["FAILED"],
        "cancelled": states["CANCELLED"],
        "open": sum(count for state, count in states.items() if state not in ENDED),
        "unaccounted": 0,
    }
    for name, count in expected.items():
        if case.evidence[name] != count:
            verdict.broken("evidence", f"{name}={case.evidence[name]}, and the rows say {count}")
    if case.evidence["duplicates"] > verdict.duplicates:
        verdict.broken("evidence", f"duplicates={case.evidence['duplicates']}, the provider saw {verdict.duplicates}")
