"""The work of `dead_letters`: its arguments, and what each of its actions prints."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.management.base import CommandParser

from healthnotify.apps.access.audit import COMMAND
from healthnotify.apps.notifications import dead_letters, holding
from healthnotify.apps.notifications.life import life
from healthnotify.apps.notifications.redrive import Chosen
from healthnotify.commands.redriving import Wait, Wanted
from healthnotify.commands.reporting import a_channel, an_id, instant, whole_number
from healthnotify.domain.delivery import Position
from healthnotify.domain.errors import BadInput, Missing
from healthnotify.pipeline.ports import Hold, Topic

LISTED: Final = ("dead_letter", "at", "reason", "channel", "attempts", "redrives", "may_be_redriven", "why_not")
LETTER: Final = ("at", "reason", "attempt", "place", "expired_at")
PLACE: Final = ("place", "at", "reason", "size", "kept", "sha256", "bytes")
HELD: Final = ("topic", "since", "why")
EXPIRED: Final = ("what", "count")

USUAL: Final = 100
MOST: Final = 10_000
USUAL_RATE: Final = 50
FASTEST: Final = 1_000
KEPT_DAYS: Final = 90  #: as long as the dead-letter topic keeps them
FIRST_BYTES: Final = 256  #: of a record that is not ours


def add_arguments(parser: CommandParser) -> list[CommandParser]:
    """One parser an action; answers them."""
    actions = parser.add_subparsers(dest="action", required=True)
    list_ = actions.add_parser("list", help="what was given up, and whether it may be brought back")
    show = actions.add_parser("show", help="the dead letters of one notification, or a record that is not ours")
    show.add_argument("what", metavar="ID", help="a notification's id, or topic:partition:offset")
    show.add_argument("--raw", action="store_true", help=f"with its first {FIRST_BYTES} bytes; that is written down")
    redrive = actions.add_parser("redrive", help="bring notifications back; the sweeper puts them on the road")
    redrive.add_argument("ids", nargs="*", metavar="ID", help="these; without any, all that fit")
    for one in (list_, redrive):
        one.add_argument("--reason", metavar="R", help="only those given up for this reason")
        one.add_argument("--since", metavar="T", help="only those given up since: 2h, 3d, or an ISO instant")
        one.add_argument("--channel", metavar="C", help="only those of this channel")
        one.add_argument("--max", metavar="N", default=str(USUAL), help=f"so many at most (default {USUAL})")
    redrive.add_argument("--rate", metavar="N", default=str(USUAL_RATE), help=f"a second (default {USUAL_RATE})")
    redrive.add_argument("--accept-duplicates", action="store_true", help="even what may have been sent already")
    expire = actions.add_parser("expire", help="end what was kept for long enough")
    expire.add_argument("--days", metavar="N", default=str(KEPT_DAYS), help=f"kept for so long (default {KEPT_DAYS})")
    for one in (redrive, expire):
        one.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    resume = actions.add_parser("resume", help="let consumers go on that hold because dead letters poured")
    resume.add_argument("--topic", metavar="T", help="only those of this topic")
    again = "what was refused for good and waits meanwhile is tried again, now that the reason is mended"
    resume.add_argument("--try-again", action="store_true", help=again)
    return [list_, show, redrive, expire, resume]


def listed(options: dict[str, Any], now: datetime) -> list[dict[str, Any]]:
    """Rows of `LISTED`. Raises `BadInput`."""
    chosen = _chosen(options, now)
    found = dead_letters.listed(chosen.reason, chosen.since, chosen.channel, chosen.most, at=now)
    return [
        asdict(one)
        | {
            "dead_letter": one.what,
            "may_be_redriven": one.channel is not None and one.why_not is None,
            "why_not": "no notification stands behind it" if one.channel is None else one.why_not,
        }
        for one in found
    ]


def place(what: str) -> Position | None:
    """The place that it names; None when it is no place. Raises `BadInput` for half a one."""
    if ":" not in what:
        return None
    topic, _, rest = what.partition(":")
    partition, _, offset = rest.partition(":")
    if not (topic and partition.isdecimal() and offset.isdecimal() and what.isascii()) or len(rest) > 30:
        raise BadInput("id", f"{what!r} is no place", "Write topic:partition:offset, as the list shows it")
    return Position(topic, int(partition), int(offset))


def record(where: Position, *, raw: bool, now: datetime) -> dict[str, Any]:
    """A row of `PLACE`: the bytes only when they are asked for, and then so that no terminal obeys them."""
    found = dead_letters.at_place(where, raw=raw, by=COMMAND, now=now)
    size = f"{found.kept} or more" if found.size is None and found.kept else found.size
    shown = None if found.raw is None else repr(found.raw[:FIRST_BYTES])[2:-1]
    where_ = f"{where.topic}:{where.partition}:{where.offset}"
    return asdict(found) | {"place": where_, "size": size, "bytes": shown}


def story(what: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of `LETTER`, and the life of the notification in lines; none when nobody knows it. Raises `Missing`."""
    key = an_id("id", what)
    letters = dead_letters.letters(key)
    try:
        told = life(key)
    except BadInput:
        if not letters:
            raise Missing("dead letter of", key) from None
        return [_letter(one) for one in letters], []
    moves = [f"{one.at.isoformat(timespec='milliseconds')}  {one.after:<10} {one.words}" for one in told.chapters]
    return [_letter(one) for one in letters], [f"{told.facts['state']}, {told.facts['channel']}", *moves]


def wanted(options: dict[str, Any], now: datetime) -> Wanted:
    """What `redrive` was asked for. Raises `BadInput`."""
    return Wanted(
        chosen=_chosen(options, now),
        rate=whole_number("rate", options["rate"], 1, FASTEST),
        dry_run=options["dry_run"],
        accept_duplicates=options["accept_duplicates"],
    )


def expire(options: dict[str, Any], now: datetime, wait: Wait) -> list[dict[str, Any]]:
    """Rows of `EXPIRED`. Raises `BadInput`."""
    before = now - timedelta(days=whole_number("days", options["days"], 1, 36_500))
    total = dead_letters.would_expire(before) if options["dry_run"] else dead_letters.Expired(0, 0)
    while not options["dry_run"]:
        done = dead_letters.expire(before, by=COMMAND, at=now)
        total = dead_letters.Expired(total.deleted + done.deleted, total.blanked + done.blanked)
        if not (done.deleted or done.blanked) or wait(0):
            break
    return [
        {"what": "deleted", "count": total.deleted},
        {"what": "emptied, and kept as the proof that a notification was buried", "count": total.blanked},
    ]


def resume(options: dict[str, Any], now: datetime) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of `HELD`, and lines about what is tried again. Raises `BadInput`."""
    topic, again = _topic(options["topic"]), options["try_again"]
    ended, tried = holding.resume(actor=COMMAND, at=now, topic=topic, try_again=again)
    rows = [{"topic": one.topic.value, "since": one.since.isoformat(), "why": one.why} for one in ended]
    return rows, [f"tried again: {tried}\n"] if again else []


def told(hold: Hold) -> str:
    """A hold as a sentence."""
    return f"Nobody consumes {hold.topic} since {hold.since.isoformat(timespec='seconds')}: {hold.why}."


def ids_left(left: list[tuple[UUID, Any]]) -> Iterator[str]:
    """Lines about some of those that were left."""
    for key, why in left:
        yield f"left: {key}: {dead_letters.OBSTACLES[why]}"


@contextmanager
def interruptible() -> Iterator[Wait]:
    """Ctrl-C and SIGTERM ask it to end between two chunks; asked a second time, it ends at once."""
    asked = threading.Event()

    def ask(number: int, _frame: object) -> None:
        asked.set()
        signal.signal(number, before[number])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, ask)
        yield asked.wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _chosen(options: dict[str, Any], now: datetime) -> Chosen:
    ids = tuple(dict.fromkeys(an_id("id", text) for text in options.get("ids", ())))
    narrowed = next((name for name in ("reason", "since", "channel") if options[name] is not None), None)
    if ids and narrowed:
        raise BadInput(narrowed, "it does not go with ids", "Name the ids, or what they have in common")
    most = whole_number("max", options["max"], 1, MOST)
    if len(ids) > most:
        raise BadInput("max", f"{len(ids)} ids are given and {most} may be brought back", "Give a higher --max")
    return Chosen(
        ids=ids,
        reason=options["reason"],
        channel=a_channel("channel", options["channel"]),
        since=instant("since", options["since"], now),
        most=most,
    )


def _letter(one: dict[str, Any]) -> dict[str, Any]:
    where = f"{one['topic']}:{one['partition']}:{one['offset']}" if one["topic"] else None
    return one | {"place": where}


def _topic(text: str | None) -> Topic | None:
    try:
        return None if text is None else Topic(text)
    except ValueError:
        raise BadInput("topic", f"{text!r} is none", f"Use {Topic.DAILY} or {Topic.RETRY}") from None
