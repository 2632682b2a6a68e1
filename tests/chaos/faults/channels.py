"""A provider that hangs, limits, fails, talks nonsense, or repeats itself; and how much more it is asked for that.

In each of these: what is asked of it beyond the first tries stays within the retry budget, and each breaker that it
makes open closes again.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from random import Random
from typing import Final

from healthnotify import bootstrap
from healthnotify.adapters.breakers import KEY
from healthnotify.domain.budget import PER_SECOND, SHARE
from healthnotify.pipeline.deliver import BREAKER_OPEN
from tests.chaos.faults import fault
from tests.chaos.judge import Verdict
from tests.chaos.provider import FOLLOWED, Rule
from tests.chaos.run import Run

PEOPLE: Final = 120
#: Of the budget: it is one process's, which forgets it when it is started anew, and a second may be cut in two.
SLACK: Final = 2 * PER_SECOND
HOSTILE: Final = "FEA9FEA9"  # 169.254.169.254, as /proc/net/tcp writes it
LOOK: Final = 0.02  # seconds between two looks at it


@fault(
    26,
    "provider hangs, trickles, answers after the headers",
    done="For a third of the requests the provider says nothing, trickles, or sends the headers and then nothing; "
    "then for all of them, for four seconds.",
    holds="No send takes longer than its time; the breakers open and close again; a text whose outcome is unknown is "
    "never sent again.",
)
def hangs(run: Run) -> None:
    guard(run)
    run.provider.rules(Rule("hang", share=0.1), Rule("trickle", share=0.12), Rule("accept_headers", share=0.13))
    run.load(PEOPLE, seconds=3)
    run.wait_until_accepted(0.4)
    run.provider.rules(Rule("hang", "email"), Rule("trickle", "webhook"), Rule("accept_headers", "sms"))
    run.load(PEOPLE // 2, seconds=3)
    run.pause(6)
    for deed in ("hang", "trickle", "accept_headers"):
        run.prove(run.did(deed) >= 5, f"{run.did(deed)} times it did {deed}")
    expect_breaker(run)


def _retry_afters(_dice: Random, quick: bool) -> tuple[str, ...]:
    return ("every kind",) if quick else ("every kind", "0", "86400", "date")


@fault(
    28,
    "429 storm with every kind of Retry-After",
    done="For five seconds every request is answered with 429 (mail: 451), with a Retry-After in seconds, as a date, "
    "in the past, negative, absurd, empty, or no number at all.",
    holds="No wait is longer than our own longest; the breakers open and close again; nobody is given up who would "
    "have got it, but those who were out when the storm began.",
    variants=_retry_afters,
)
def storm(run: Run) -> None:
    guard(run)
    run.load(PEOPLE, seconds=5)
    for text in _texts(run.variant):
        run.provider.rules(Rule("too_many", retry_after=text))
        run.pause(5 / len(_texts(run.variant)))
    run.prove(run.did("too_many") >= 20, f"{run.did('too_many')} were refused")
    expect_breaker(run)
    run.checks.append(lambda verdict: _waits(run, verdict))


def _texts(variant: str) -> list[str]:
    now = bootstrap.now()
    dates = {
        "date": format_datetime(now + timedelta(seconds=3), usegmt=True),
        "past": format_datetime(now - timedelta(days=3), usegmt=True),
    }
    every = ["1", "0", "-5", "1.5", "86400", "999999999999", "soon", "", dates["date"], dates["past"]]
    return every if variant == "every kind" else [dates.get(variant, variant)]


def _waits(run: Run, verdict: Verdict) -> None:
    """From a refusal to the next try: our longest wait is 2 s, the budget may add some, a breaker 8 s at most."""
    tried: dict[str, Counter[str]] = {}
    for row in run.ledger.rows(list(run.loads.asked)):
        tried.setdefault(row.state, Counter())[row.reason or ""] += 1
    if "CANCELLED" in tried:
        verdict.broken("I1", f"{tried['CANCELLED']} were cancelled: somebody believed the Retry-After")


@fault(
    29,
    "503 half of the time",
    done="The provider answers half of the requests with 503 for eight seconds; in the long form for a minute.",
    holds="Each is sent in the end; retries stay within their budget.",
    variants=lambda _dice, quick: ("8 s",) if quick else ("8 s", "60 s"),
)
def half_unavailable(run: Run) -> None:
    guard(run)
    seconds = int(run.variant.split()[0])
    run.provider.rules(Rule("unavailable", share=0.5))
    run.load(PEOPLE * seconds // 8, seconds=seconds - 2)
    run.pause(seconds)
    run.prove(run.did("unavailable") >= 30, f"{run.did('unavailable')} were refused")


@fault(
    30,
    "200 with an error body, HTML, 10 MB; a redirect",
    done="A tenth each of the requests gets 200 with an error in the body, with a page of a hotel's network, or with "
    "10 MB; some webhooks get a redirect to a link-local address, or to a trap.",
    holds="A 2xx to a webhook is an acceptance; a text without its sid is FAILED with outcome_unknown, and not sent "
    "again; no redirect is followed.",
)
def nonsense(run: Run) -> None:
    guard(run)
    run.provider.rules(
        Rule("redirect", "webhook", share=0.1),
        Rule("redirect_home", "webhook", share=0.1),
        Rule("error_body", "webhook", share=0.1),
        Rule("error_body", "sms", share=0.1),
        Rule("html", share=0.1),
        Rule("large", "webhook", share=0.1),
        Rule("large", "sms", share=0.1),
    )
    with watching_for(HOSTILE) as seen:
        run.load(PEOPLE, seconds=4)
        run.wait_for(lambda: len({one.id for one in run.requests()}) >= 0.95 * PEOPLE, "nearly all tried")
        run.pause(1)
    for deed in ("redirect", "redirect_home", "error_body", "html", "large"):
        run.prove(run.did(deed), f"it never did {deed}")
    run.checks.append(lambda verdict: _followed(run, bool(seen), verdict))


def _followed(run: Run, inside: bool, verdict: Verdict) -> None:
    if inside:
        verdict.broken("redirect", "somebody connected to 169.254.169.254")
    if run.did(FOLLOWED):
        verdict.broken("redirect", f"{run.did(FOLLOWED)} redirects were followed")


@contextmanager
def watching_for(address: str) -> Iterator[list[str]]:
    """What of all connections of this machine leads there, looked at fifty times a second."""
    seen: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK):
            lines = Path("/proc/net/tcp").read_text().splitlines()
            seen.extend(line for line in lines if f" {address}:" in line)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


@fault(
    31,
    "provider replays a cached error for the key",
    done="For some of the notifications the provider answers 500, and whatever comes under that key later gets the "
    "same answer, for ever.",
    holds="A webhook and a mail are given up after their tries, with a dead letter; a text after its first; the others "
    "go out.",
)
def cached_error(run: Run) -> None:
    guard(run)
    run.provider.rules(Rule("cached_error", share=0.03))
    run.load(PEOPLE * 2, seconds=5)
    run.wait_for(lambda: len({one.id for one in run.requests()}) >= 0.95 * PEOPLE * 2, "nearly all tried")
    spoiled = {one.id for one in run.requests() if one.did == "cached_error"}
    run.prove(len(spoiled) >= 3, f"{len(spoiled)} were spoiled")
    run.checks.append(lambda verdict: _given_up(run, verdict))


def _given_up(run: Run, verdict: Verdict) -> None:
    spoiled = {one.id for one in run.requests() if one.did == "cached_error"}
    letters = {key for (key,) in run.ledger.ask("SELECT notification_id::text FROM dead_letters")}
    for row in run.ledger.rows(list(run.loads.asked)):
        if row.id in spoiled and (row.state != "FAILED" or row.id not in letters):
            verdict.broken("I2", f"{row.id} ({row.channel}) got an error each time and is {row.state}")


# What all of them must show


def guard(run: Run) -> None:
    """See at the end that the provider was not asked for more than the budget lets us, and that all breakers closed."""
    run.checks.append(lambda verdict: _amplified(run, verdict))
    run.checks.append(lambda verdict: _closed(run, verdict))


def expect_breaker(run: Run) -> None:
    """A breaker has opened. Ask when it had time to; raises `Disturbed`."""
    run.wait_for(lambda: _deferred(run), "a breaker that opens")


def _deferred(run: Run) -> Counter[str]:
    """How often a breaker said no, by channel."""
    channels = {row.id: row.channel for row in run.ledger.rows(list(run.loads.asked))}
    moves = run.ledger.moves(list(run.loads.asked))
    return Counter(channels[move.id] for move in moves if move.reason == BREAKER_OPEN)


def _amplified(run: Run, verdict: Verdict) -> None:
    asked = [one for one in run.requests() if one.did != FOLLOWED]
    first = len({one.id for one in asked})
    seconds = (max(one.at for one in asked) - min(one.at for one in asked)).total_seconds()
    allowed = SHARE * first + PER_SECOND * seconds + SLACK
    deferred = ", ".join(f"{channel} {count}" for channel, count in sorted(_deferred(run).items())) or "never"
    run.notes.append(
        f"{len(asked)} requests for {first} notifications in {seconds:.0f} s ({len(asked) / first:.2f}); "
        f"a breaker said no: {deferred}"
    )
    if len(asked) - first > allowed:
        verdict.broken("budget", f"{len(asked) - first} requests beyond the first, {allowed:.0f} are allowed")


def _closed(run: Run, verdict: Verdict) -> None:
    if still := run.services.redis.hgetall(KEY):
        verdict.broken("breaker", f"still open at rest: {', '.join(still)}")
