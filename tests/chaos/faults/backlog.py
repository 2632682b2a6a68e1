"""What is read again, comes from another release, or is brought back."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from healthnotify import bootstrap
from healthnotify.adapters.envelope import encode
from healthnotify.adapters.kafka.client import GROUPS
from healthnotify.apps.notifications.store import PostgresStore
from healthnotify.domain.delivery import Envelope, Position
from healthnotify.domain.model import Category, Channel
from healthnotify.pipeline.ports import Announced, DueIndex, Topic
from tests.chaos.faults import fault
from tests.chaos.faults.records import produce
from tests.chaos.judge import Verdict
from tests.chaos.ledger import Row
from tests.chaos.provider import Rule
from tests.chaos.run import Run
from tests.chaos.services import PARTITIONS

PEOPLE: Final = 120
PATIENCE: Final = 10.0
ROOT: Final = Path(__file__).resolve().parents[3]
MOST_REFUSED: Final = 1_000
#: One move of all of them at once; the database lets nobody leave one out.
MOVE: Final = """
    WITH moved AS (
        UPDATE notifications SET state = %s, reason = %s, attempt = 1, ended_at = CASE %s WHEN 'FAILED' THEN now() END,
               expires_at = expires_at + interval '1 hour'
        WHERE user_id = ANY(%s) AND state = %s RETURNING id, local_date
    )
    INSERT INTO moves (notification_id, local_date, at, event, before, after, attempt, reason)
    SELECT id, local_date, now(), %s, %s, %s, 1, %s FROM moved
"""
LETTERS: Final = """
    INSERT INTO dead_letters (notification_id, at, reason, detail, attempt)
    SELECT id, now(), 'http_400', '', 1 FROM notifications WHERE user_id = ANY(%s)
"""
MOVES: Final = (
    ("published", "STAGED", "PENDING", None),
    ("refused", "PENDING", "RETRY", "http_400"),
    ("gave_up", "RETRY", "FAILED", "http_400"),
)
NEWER: Final = 10  # records of version 2: fewer than a flood


@fault(
    38,
    "topic replayed from 0, each record three times, attempts reordered",
    done="When most are sent, some of them at their second try, each record of both topics is there twice more, in an "
    "order by dice, and both groups begin again at offset 0.",
    holds="Nothing that was sent is sent again, nothing is given up, and no try is counted twice.",
)
def replay(run: Run) -> None:
    run.provider.rules(Rule("unavailable", share=0.3))
    run.load(PEOPLE, seconds=3)
    run.wait_until_accepted(0.8)
    readers = ("consumer-1", "consumer-2", "retry-consumer")
    working = run.crew.labels
    for label in readers:
        run.crew.dismiss(label)
    sent = {one.id for one in run.requests() if one.accepted}
    count = 0
    for topic in (Topic.DAILY, Topic.RETRY):
        records = _everything(run, topic) * 2
        run.dice.shuffle(records)
        count += len(produce(run, topic, records))
        _begin_again(run, topic)
    run.provider.rules()
    mark = run.provider.number()
    run.crew.employ(working)
    run.wait_for(
        lambda: run.resume() or not (_lag(run, Topic.DAILY) + _lag(run, Topic.RETRY)), "all is read", seconds=90
    )
    run.notes.append(f"{count} records more were read, and all of them from the beginning")
    run.prove(count >= 2 * PEOPLE, f"{count} records")
    run.checks.append(lambda verdict: _not_again(run, sent, mark, verdict))


def _everything(run: Run, topic: Topic) -> list[tuple[bytes, bytes | None]]:
    """Key and body of all that the topic has."""
    reader = Consumer(
        {"bootstrap.servers": run.services.kafka.bootstrap_servers, "group.id": "chaos-reader"}
        | {"enable.auto.commit": False}
    )
    found: list[tuple[bytes, bytes | None]] = []
    try:
        for number in range(PARTITIONS):
            low, high = reader.get_watermark_offsets(TopicPartition(str(topic), number), timeout=PATIENCE)
            reader.assign([TopicPartition(str(topic), number, low)])
            while low < high and (some := reader.consume(min(1000, high - low), PATIENCE)):
                low += len(some)
                found += [(bytes(one.key() or b""), one.value()) for one in some]
    finally:
        reader.close()
    return found


def _begin_again(run: Run, topic: Topic) -> None:
    admin = AdminClient({"bootstrap.servers": run.services.kafka.bootstrap_servers})
    places = [TopicPartition(str(topic), number, 0) for number in range(PARTITIONS)]
    for done in admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUPS[topic], places)]).values():
        done.result()


def _lag(run: Run, topic: Topic) -> int:
    admin = AdminClient({"bootstrap.servers": run.services.kafka.bootstrap_servers, "log_level": 0})
    (found,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUPS[topic])]).values()
    at = {one.partition: max(0, one.offset) for one in found.result().topic_partitions if one.topic == str(topic)}
    reader = Consumer({"bootstrap.servers": run.services.kafka.bootstrap_servers, "group.id": "chaos-reader"})
    try:
        ends = {
            number: reader.get_watermark_offsets(TopicPartition(str(topic), number), timeout=PATIENCE)[1]
            for number in range(PARTITIONS)
        }
    finally:
        reader.close()
    return sum(end - at.get(number, 0) for number, end in ends.items())


def _not_again(run: Run, sent: set[str], mark: int, verdict: Verdict) -> None:
    again = [one for one in run.requests() if one.number > mark and one.id in sent]
    if again:
        verdict.broken("replay", f"{len(again)} requests for what had been accepted, such as {again[0].id}")


@fault(
    48,
    "rolling upgrade with mixed envelopes",
    done="A producer of the next release works beside ours: some of its envelopes have fields that we do not know, "
    "some lack what may be left out, some are of version 2, and the rows say that they are on the road.",
    holds="What has a field more or less is sent; version 2 is a dead letter, never a guess, and our sweeper puts the "
    "notification on the road in our own version; nothing is sent twice.",
    sweeper=(True,),
)
def upgrade(run: Run) -> None:
    run.crew.dismiss("producer")
    run.load(PEOPLE, seconds=2)
    run.wait_for(lambda: run.states().get("STAGED", 0) >= PEOPLE, "all are staged")
    run.wait_for(lambda: bootstrap.now() > (run.loads.last_due or bootstrap.now()), "all are due")
    rows = [row for row in run.ledger.rows(list(run.loads.asked)) if row.state == "STAGED"]
    more, fewer, newer = rows[:30], rows[30:60], rows[60 : 60 + NEWER]
    for some, change in ((more, _with_more), (fewer, _with_less), (newer, _of_version_2)):
        _announce(run, some, change)
    run.wait_for(lambda: _dead_letters(run, "unknown_version") >= NEWER, "version 2 is buried")
    run.crew.employ((*run.crew.labels, "producer"))
    run.checks.append(lambda verdict: _each_sent(run, verdict))


def _with_more(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"priority": "high", "trace": {"deep": [1, 2, {"x": None}]}}


def _with_less(body: dict[str, Any]) -> dict[str, Any]:
    return {key: body[key] for key in reversed(list(body)) if body[key] is not None}


def _of_version_2(body: dict[str, Any]) -> dict[str, Any]:
    return {"version": 2, "notification": {key: body[key] for key in ("id", "user_id", "attempt")}}


def _announce(run: Run, rows: Sequence[Row], change: Any) -> None:
    """As that producer does: on the road, and then recorded."""
    announced = []
    for row in rows:
        envelope = Envelope(
            UUID(row.id), UUID(row.user_id), Category.NUDGE, Channel(row.channel), 1, row.send_at, row.expires_at
        )
        key, body, _ = encode(envelope, str(Topic.DAILY), bootstrap.now(), run.dice.randbytes(8))
        (place,) = produce(run, Topic.DAILY, [(key, json.dumps(change(json.loads(body))).encode())])
        announced.append(Announced(envelope, Position(*place)))
    PostgresStore(bootstrap.ring()).published(DueIndex.DAILY, announced, bootstrap.now())


def _dead_letters(run: Run, reason: str) -> int:
    asked = "SELECT count(*) FROM dead_letters WHERE reason LIKE %s AND at > now() - interval '2 minutes'"
    return int(run.ledger.ask(asked, f"{reason}%")[0][0])


def _each_sent(run: Run, verdict: Verdict) -> None:
    for row in run.ledger.rows(list(run.loads.asked)):
        if row.state != "COMPLETED":
            verdict.broken("upgrade", f"{row.id} is {row.state} ({row.reason})")
    if verdict.duplicates:
        verdict.broken("upgrade", f"{verdict.duplicates} were sent twice")


@fault(
    49,
    "dead letters redriven twice at once",
    done="Many notifications are refused for good and become dead letters; the consumer holds, and is told to go on, "
    "as often as need be. Then two operators run `dead_letters redrive` at the same time, over all of them.",
    holds="Each is brought back by one of the two, once, and sent once; both commands end well or say what was left.",
    sweeper=(True,),
    variants=lambda _dice, quick: (300,) if quick else (300, 10_000),
)
def redriven(run: Run) -> None:
    patience = 60 + run.variant / 20
    if run.variant > MOST_REFUSED:
        _as_if_given_up(run, patience)
    else:
        run.provider.rules(Rule("refuse"))
        run.load(run.variant, seconds=2)
        run.wait_for(lambda: run.resume() or run.states().get("FAILED", 0) >= run.variant, "all given up", seconds=90)
        run.notes = [f"it was held and resumed {len(run.notes)} times while they were given up"]
        run.provider.rules()
    command = [sys.executable, str(ROOT / "manage.py"), "dead_letters", "redrive", "--json"]
    command += [f"--max={max(run.variant, 100)}", f"--rate={max(50, run.variant // 10)}", "--since=1h"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT) for _ in range(2)]
    said = [one.communicate(timeout=patience)[0].decode() for one in both]
    moves = [move for move in run.ledger.moves(list(run.loads.asked)) if move.event == "redriven"]
    run.prove(len(moves) >= 0.99 * run.variant, f"{len(moves)} were brought back; {said}")
    shares = [_back(text) for text in said]
    run.notes.append(f"the two brought back {shares[0]} and {shares[1]}, with codes {[one.returncode for one in both]}")
    run.prove(all(shares), "only one of them found something")
    run.wait_for(lambda: run.open() == 0, "all of it ended again", seconds=patience)
    run.checks.append(lambda verdict: _once(run, len(moves), sum(shares), verdict))


def _as_if_given_up(run: Run, patience: float) -> None:
    """A consumer that holds after each hundred would take too long over them: the database is told at once what it
    would have come to."""
    working = run.crew.labels
    run.crew.dismiss("producer")
    run.load(run.variant, seconds=2, lead=2 + run.variant / 300)  # to enter them takes a while, too
    run.wait_for(lambda: run.states().get("STAGED", 0) >= run.variant, "all are staged", seconds=patience)
    users = list(run.loads.asked)
    run.ledger.ask(LETTERS, users)
    for event, before, after, reason in MOVES:
        why = reason if after == "FAILED" else None
        run.ledger.ask(MOVE, after, why, after, users, before, event, before, after, reason)
    run.services.redis.flushall()
    run.crew.employ(working)


def _back(said: str) -> int:
    rows = json.loads(said[said.index("[") :])
    return sum(row["count"] for row in rows if row["what"] == "brought back")


def _once(run: Run, moves: int, told: int, verdict: Verdict) -> None:
    ids = [move.id for move in run.ledger.moves(list(run.loads.asked)) if move.event == "redriven"]
    if len(ids) != len(set(ids)) or moves != told:
        verdict.broken("redrive", f"{len(ids)} were brought back, of {len(set(ids))} notifications; they said {told}")
    if verdict.duplicates:
        verdict.broken("redrive", f"{verdict.duplicates} were sent twice")
    _each_sent(run, verdict)
