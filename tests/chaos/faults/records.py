"""Records that are not ours, that are too large, or that end whoever reads them."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any, Final
from uuid import uuid4

from confluent_kafka import Message, Producer

from healthnotify import bootstrap
from healthnotify.adapters.envelope import KEPT, LARGEST
from healthnotify.adapters.suspects import MOST_DEATHS
from healthnotify.domain.delivery import KILLS_THE_PROCESS
from healthnotify.domain.model import Channel
from healthnotify.domain.routing import MOST_TAKEOVERS
from healthnotify.pipeline.ports import Topic
from tests.chaos.deadly import FILE
from tests.chaos.faults import fault
from tests.chaos.judge import Verdict
from tests.chaos.run import Run

PEOPLE: Final = 100
FLOOD: Final = 80
DEADLY: Final = "chaos-deadly"
#: After so many deaths a record is not read any more, and a message not sent.
DEATHS: Final = {"decode": MOST_DEATHS, "compose": MOST_TAKEOVERS}
AGAIN: Final = 8  # seconds
BURIED: Final = """
    SELECT topic, partition, "offset", reason, octet_length(raw), raw_sha256, raw_size
    FROM dead_letters WHERE topic IS NOT NULL AND partition IS NOT NULL
"""

Place = tuple[str, int, int]


def _poison(dice: Random) -> list[bytes | None]:
    """Everything that a record may be and an envelope is not."""
    good: dict[str, Any] = {
        "version": 1,
        "id": str(uuid4()),
        "user_id": str(uuid4()),
        "category": "nudge",
        "channel": "email",
        "attempt": 1,
        "send_at": bootstrap.now().isoformat(),
        "expires_at": bootstrap.now().isoformat(),
    }
    bodies = [good | {"version": 2}, good | {"version": "1"}, good | {"attempt": -1}, good | {"attempt": 1e400}]
    bodies += [good | {"id": "x"}, good | {"channel": "pigeon"}, good | {"send_at": "soon"}]
    bodies += [good | {"send_at": "2026-01-01T00:00:00"}, {key: good[key] for key in list(good)[:4]}]
    return [
        None,
        b"",
        dice.randbytes(300),
        b"\xff\xfe" + json.dumps(good).encode("utf-16-le"),
        json.dumps(good).encode()[:-1],
        b"[" * 100_000,
        b'{"version":' * 10_000,
        b"null",
        b"[1]",
        *(json.dumps(body).encode() for body in bodies),
    ]


@fault(
    35,
    "poison records",
    done="Among what is announced are records that are not ours, on the daily and on the retry topic: no bytes, random "
    "bytes, cut and endless JSON, other schemas, unknown versions; a few of each, or a flood.",
    holds="Each is a dead letter with its place, its reason and its bytes; all others go out. A flood of them is not "
    "drained: the consumers hold until an operator says go.",
    variants=lambda _dice, quick: ("each kind",) if quick else ("each kind", "a flood"),
)
def poison(run: Run) -> None:
    run.load(PEOPLE, seconds=3)
    bodies = _poison(run.dice)
    if run.variant == "a flood":
        bodies = [run.dice.randbytes(50) for _ in range(FLOOD)]
    run.wait_until_accepted(0.2)
    places = _produce(run, Topic.DAILY, bodies)
    if run.variant == "a flood":
        run.wait_for(run.held, "a consumer that holds")
        known = len(_buried(run, places))
        run.prove(known < len(places), "all of it was drained")
        run.notes.append(f"{known} of {len(places)} were buried before it held")
        run.resume()
    else:
        places += _produce(run, Topic.RETRY, bodies)
    run.checks.append(lambda verdict: _all_buried(run, places, verdict))


@fault(
    36,
    "a record that kills the process",
    done="A record on the daily topic, a stranger's or ours, ends every process that reads it; or a message ends every "
    "process that writes its mail.",
    holds="After three deaths the record is buried unread, after five takeovers the notification is FAILED, with a "
    "dead letter; all others go out.",
    variants=lambda _dice, quick: ("a stranger's",) if quick else ("a stranger's", "ours", "compose"),
)
def deadly(run: Run) -> None:
    kind = "compose" if run.variant == "compose" else "decode"
    before, began = run.crew.reached()[kind], bootstrap.now()
    names = run.services.directory / FILE
    try:
        (_deadly_record if run.variant == "a stranger's" else _deadly_message)(run, kind)
        run.wait_for(lambda: run.crew.reached()[kind] - before >= DEATHS[kind], f"{DEATHS[kind]} deaths", seconds=90)
        run.wait_for(lambda: _ended_by_it(run, began), "its burial", seconds=60)
        if run.variant == "ours":
            run.pause(AGAIN)  # time enough for the sweeper to put it on the road once more
    finally:
        names.unlink(missing_ok=True)
    deaths = run.crew.reached()[kind] - before
    run.notes.append(f"{deaths} processes ended over it")
    run.checks.append(lambda verdict: _few(deaths, DEATHS[kind], verdict))
    run.checks.append(lambda verdict: _others_sent(run, verdict))


def _deadly_record(run: Run, kind: str) -> None:
    (run.services.directory / FILE).write_text(f"{kind} {DEADLY}\n")
    run.load(PEOPLE, seconds=3)
    run.wait_until_accepted(0.2)
    places = _produce(run, Topic.DAILY, [json.dumps({DEADLY: uuid4().hex}).encode()])
    run.checks.append(lambda verdict: _all_buried(run, places, verdict))


def _deadly_message(run: Run, kind: str) -> None:
    run.load(PEOPLE // 2, seconds=3, lead=4, mix={Channel.EMAIL: 1.0})
    run.wait_for(lambda: run.states().get("STAGED", 0) >= PEOPLE // 4, "half of them are staged")
    staged = [row.id for row in run.ledger.rows(list(run.loads.asked)) if row.state == "STAGED"]
    (run.services.directory / FILE).write_text(f"{kind} {run.dice.choice(staged)}\n")


def _ended_by_it(run: Run, began: datetime) -> bool:
    if run.variant != "compose":
        return bool(run.ledger.ask(f"{BURIED} AND reason LIKE %s AND at > %s", f"{KILLS_THE_PROCESS}%", began))
    return any(row.reason == KILLS_THE_PROCESS for row in run.ledger.rows(list(run.loads.asked)))


def _others_sent(run: Run, verdict: Verdict) -> None:
    """Whoever was in hand together with it is not to blame."""
    given_up = [row.id for row in run.ledger.rows(list(run.loads.asked)) if row.reason == KILLS_THE_PROCESS]
    if len(given_up) > (run.variant != "a stranger's"):
        verdict.broken("neighbours", f"{len(given_up)} were given up as deadly, and one is")


def _few(deaths: int, allowed: int, verdict: Verdict) -> None:
    """One more for whoever has it in hand at that moment."""
    if deaths > allowed + 1:
        verdict.broken("I8", f"{deaths} processes ended over one record")


@fault(
    37,
    "giant records",
    done=f"Records of {LARGEST + 1} bytes up to 900 kB come on the daily and on the retry topic, some of them of valid "
    "JSON.",
    holds=f"Each is a dead letter that keeps {KEPT} bytes, its size and its sum; the others go out.",
)
def giant(run: Run) -> None:
    run.load(PEOPLE, seconds=3)
    run.wait_until_accepted(0.1)
    sizes = (LARGEST + 1, 100_000, 300_000, 900_000)
    bodies: list[bytes | None] = [run.dice.randbytes(size) for size in sizes]
    bodies += [json.dumps({"version": 1, "more": "x" * size}).encode() for size in sizes]
    places = _produce(run, Topic.DAILY, bodies) + _produce(run, Topic.RETRY, bodies)
    run.checks.append(lambda verdict: _all_buried(run, places, verdict))
    run.checks.append(lambda verdict: _quoted(run, dict(zip(places, bodies * 2, strict=True)), verdict))


def _quoted(run: Run, bodies: dict[Place, bytes | None], verdict: Verdict) -> None:
    found = _buried(run, list(bodies))
    for place, body in bodies.items():
        _, kept, digest, size = found.get(place, ("", 0, "", 0))
        known = hashlib.sha256(body or b"").hexdigest()
        if (kept, digest, size) != (KEPT, known, len(body or b"")):
            verdict.broken("dead letters", f"{place} keeps {kept} of {size} bytes, sum {digest}")


def produce(run: Run, topic: Topic, bodies: Sequence[tuple[bytes, bytes | None]]) -> list[Place]:
    """Put these on the road as a stranger would, (key, body) each; answers where they are. Raises `Disturbed`."""
    producer = Producer(
        {"bootstrap.servers": run.services.kafka.bootstrap_servers, "acks": "all", "message.max.bytes": 1_000_000}
    )
    places: list[Place] = []

    def told(error: object, message: Message) -> None:
        if error is None:
            places.append((str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)))

    for key, body in bodies:
        producer.produce(str(topic), body, key, on_delivery=told)
        producer.poll(0)
    producer.flush(20)
    run.prove(len(places) == len(bodies), f"only {len(places)} of {len(bodies)} records reached Kafka")
    return places


def _produce(run: Run, topic: Topic, bodies: Sequence[bytes | None]) -> list[Place]:
    """One after the other, so that places and bodies go together."""
    return [place for body in bodies for place in produce(run, topic, [(uuid4().bytes, body)])]


def _buried(run: Run, places: Sequence[Place]) -> dict[Place, tuple[str, int, str, int]]:
    wanted = set(places)
    rows = run.ledger.ask(BURIED)
    return {(row[0], row[1], row[2]): tuple(row[3:]) for row in rows if (row[0], row[1], row[2]) in wanted}


def _all_buried(run: Run, places: Sequence[Place], verdict: Verdict) -> None:
    found = _buried(run, places)
    for place in places:
        if place not in found:
            verdict.broken("dead letters", f"{place} is no dead letter")
