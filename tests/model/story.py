"""A counter-example as a story: who does what, and what each store holds then."""

from collections.abc import Iterator

from healthnotify.domain.delivery import Answer
from tests.model.consumer import Label
from tests.model.invariants import NAMES
from tests.model.planning import Plans
from tests.model.search import Found
from tests.model.world import ENDED, RAN_OUT, RUNS, Row, World

ANSWERS = {
    Answer.CLAIMED: "it is the consumer's now",
    Answer.AMBIGUOUS: "it takes over, and an earlier holder may have sent it",
    Answer.REPORTED: "its failure is recorded already, only to be handed on",
    Answer.BUSY: "somebody else holds it",
    Answer.TERMINAL: "it has ended",
    Answer.STALE: "that attempt is past",
    Answer.MISSING: "PostgreSQL knows no such notification",
}
SENTENCES = {
    "begin": "It begins.",
    "due": "The {who} finds that it is due, and will announce attempt {a}.",
    "drop": "The {who} takes a stale entry out of the {a} index.",
    "announce": "The {who} puts a record of attempt {a} on the {b} topic, and Kafka confirms it.",
    "announce unheard": "The {who} puts a record of attempt {a} on the {b} topic; it is there, but its report is lost.",
    "claim unheard": "The {who} asks for attempt {a}; PostgreSQL gives it ({b}), but the reply is lost.",
    "put_off": "The {who} puts attempt {a} off without a send.",
    "send": "The {who} hands attempt {a} to the provider, and hears: {b}.",
    "answer lost": "The {who} hands attempt {a} to the provider, which accepts it; the answer is lost: {b}.",
    "request lost": "The {who} hands attempt {a} to the provider, which never gets it: {b}.",
    "too late": "The {who} sees that it is too late to send attempt {a}: {b}.",
    "is killed": "The {who} is killed. What it had in its memory is gone; its successor begins at offset {a}.",
    "loses its partition": "The partition goes to another consumer, which begins at offset {a}; the old one works on.",
    "commit": "The {who} commits offset {b} of the {a} topic.",
    "ends the lease": "The lease of attempt {a} ends{b}.",
    "reaches the send time": "The send time is reached.",
    "reaches the expiry": "The notification expires.",
    "is emptied": "Redis is emptied.",
    "is rolled back": "Redis comes back with what it held in the beginning.",
    "follow": "The {who} tells Redis: {a}.",
    "cannot read it": "From now on whoever reads a record of it dies; the fourth buries it unread.",
    "bury": "The {who} puts the record, unread, on the {b} topic.",
    "redrive": "The operator brings it back from the dead letters.",
    "reads": "The {who} reads the preference, in revision {a}.",
    "plans": "The {who} records its plan of revision {a}.",
    "claims": "A consumer claims the notification of revision {a}: it is on its way.",
    "changes the preference": "The user changes the preference: revision {a}.",
}
RECORDS = {
    "published": "PENDING",
    "complete": "COMPLETED",
    "withhold": "CANCELLED",
    "report": "the failure",
    "returned": "RETRY",
    "wait": "the time of the next attempt",
    "give_up": "FAILED",
    "cancel": "CANCELLED",
    "expire": "CANCELLED",
    "swept": "the new place on the road",
    "end": "FAILED",
}
REASONS = {
    "I1": "Nobody has it in hand any more: whatever happens now without another fault, it never ends. It is lost.",
    "I2": "PostgreSQL says COMPLETED, and the provider never accepted it.",
    "I3": "It did.",
    "I4": "What had ended has changed, or a success that was heard is not on record.",
    "I5": "The group may commit past a record that still has something to give: whoever takes over will not see it.",
    "I7": "It was sent before its time, or after it had expired.",
    "I8": "The topics hold more records of it than it has attempts: nothing ends that.",
    "I11": "There are two notifications for one occasion, or one of a revision that is past.",
    "DL": "It is gone, and the dead-letter topic does not have it.",
}


def told(found: Found, title: str) -> str:
    """The whole story."""
    lines = [f"{title}.", ""]
    before: World | Plans | None = None
    for number, (label, after) in enumerate(found.way):
        lines.append(f"{number:3}. {sentence(label)}")
        lines += [f"       {line}" for line in _news(before, after)]
        before = after
    return "\n".join([*lines, "", f"Broken: {found.broken} ({NAMES[found.broken]}). {REASONS[found.broken]}"])


def sentence(label: Label) -> str:
    """What was done, in words."""
    who, what, n, a, b = label
    verb, _, unheard = what.partition(" ")
    more = " (of the second notification)" if n else ""
    if what == "claim":
        return f"The {who} asks for attempt {a}: {ANSWERS[Answer(b)]}{more}."
    if what == "ends the lease":
        b = ", though its holder lives: it was suspended" if b else ""
    if verb in RECORDS and unheard in ("", "unheard"):
        end = (
            "; PostgreSQL has it, but the reply is lost"
            if unheard
            else ("" if b else ", and PostgreSQL changes nothing")
        )
        return f"The {who} records {RECORDS[verb]}{more}{end}."
    plain = SENTENCES.get(what)
    return (plain.format(who=who, a=a, b=b) if plain else f"The {who}: {what} ({a}).") + more


def _news(before: World | Plans | None, after: World | Plans) -> Iterator[str]:
    """What the stores hold, where it has changed."""
    old = dict(_held(before)) if before is not None else {}
    for name, now in _held(after):
        if old.get(name) != now:
            yield f"{name}: {now}"


def _held(w: World | Plans | None) -> Iterator[tuple[str, str]]:
    if isinstance(w, Plans):
        rows = ", ".join(f"{row.state} (revision {row.revision})" for row in w.rows)
        yield "PostgreSQL", f"{rows or 'no notification'}; preference at revision {w.wish.revision}"
    elif w is not None:
        yield "PostgreSQL", "; ".join(map(_row, w.rows))
        if any(w.redis.entries) or w.redis.warm:
            entries = [f"{e.state}, index {e.index or 'none'}" if e else "nothing" for e in w.redis.entries]
            yield "Redis", ("" if w.redis.warm else "cold; ") + "; ".join(entries)
        yield "daily topic", _log(w.daily)
        yield "retry topic", _log(w.retry)
        yield "dead letters", str(sum(w.buried))
        yield "provider", f"{sum(map(len, w.accepted))} accepted"
        if any(w.committed):
            yield "committed", f"{w.committed[0]} daily, {w.committed[1]} retry"


def _row(row: Row | None) -> str:
    if row is None:
        return "no such row"
    parts = [row.state]
    if row.attempt and row.state not in ENDED:
        parts.append(f"attempt {row.attempt}")
    if row.claim:
        lease = {RUNS: " (lease runs)", RAN_OUT: " (lease over)"}.get(row.lease, "")
        parts.append(f"claim {row.claim}{lease}")
    parts += [f"failure {row.failure}"] * bool(row.failure) + ["next attempt has its time"] * row.due
    return ", ".join(parts)


def _log(records: tuple[tuple[int, int], ...]) -> str:
    return (
        ", ".join(f"attempt {attempt}" + (f" of {n + 1}" if n else "") for n, attempt in records)
        or "nothing that still counts"
    )
