"""The demo as a user types it, and what is left when one of its workers is ended or killed in the middle."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from config.environment import ROOT, names
from tests.processes import marked

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

SUMS = ("planned", "completed", "failed", "cancelled", "open", "duplicates", "unaccounted")
LINE = re.compile("evidence: " + " ".join(rf"{name}=(\d+)" for name in SUMS))


def wait_until(happened, why, seconds=120):
    """Look until it has."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, why
        select.select([], [], [], 0.1)


class Demo:
    """`manage.py demo` with its files in a place of its own."""

    def __init__(self, place, people, **given):
        self.place = place
        self.files = place / "files"
        clean = {name: text for name, text in os.environ.items() if name not in names()}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", f"--people={people}", f"--keep={self.files}"],
            cwd=ROOT,
            env=clean | {"TMPDIR": str(place)} | given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self):
        """Its exit code and the numbers of its last line."""
        self.said, _ = self.process.communicate(timeout=200)
        found = LINE.fullmatch(self.said.rstrip().splitlines()[-1])
        assert found, self.said
        return self.process.returncode, dict(zip(SUMS, map(int, found.groups()), strict=True))

    def log(self, **wanted):
        """Lines of the workers' log with these fields."""
        try:
            text = (self.files / "workers.log").read_text()
        except FileNotFoundError:
            return []
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in lines if wanted.items() <= line.items()]

    def inbox(self):
        lines = (self.files / "inbox" / "inbox.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def accepted(self):
        """Ids of notifications in the order in which the inbox accepted them."""
        return [one.get("client_id") or one["id"].strip("<>").split("@")[0] for one in self.inbox()]

    def asked_of_the_model(self):
        return "".join(path.read_text() for path in (self.files / "model").iterdir() if path.suffix == ".jsonl")


@pytest.fixture
def place():
    directory = Path(tempfile.mkdtemp(prefix="healthnotify-tests-"))
    directory.chmod(0o755)
    yield directory
    for pid in marked(str(directory)):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(directory, ignore_errors=True)


def test_everybody_is_accounted_for_and_nothing_is_left_running(place, kafka_broker):
    demo = Demo(place, 150, KAFKA_BOOTSTRAP_SERVERS=kafka_broker.bootstrap_servers)

    code, sums = demo.end()

    assert (code, sums["planned"], sums["open"], sums["duplicates"], sums["unaccounted"]) == (0, 150, 0, 0, 0)
    assert sums["failed"] > 0
    assert "after a retry" in demo.said
    assert sorted(demo.accepted()) == sorted(set(demo.accepted()))
    assert len(demo.accepted()) == sums["completed"]
    assert {one["kind"] for one in demo.inbox()} == {"email", "sms"}
    assert demo.log(level="error") == []
    assert demo.log(cause="deferred") == [], "nothing was early"
    assert marked(str(place)) == {}
    nobody_is_named_on_the_road_or_to_the_model(demo, kafka_broker)


def nobody_is_named_on_the_road_or_to_the_model(demo, kafka_broker):
    road = everything_in(kafka_broker)
    model = demo.asked_of_the_model()
    assert len(road) > 150 * 100
    assert '"goal"' in model.replace("\\", "")
    for mail in demo.inbox():
        for address in mail["to"]:
            assert address not in model
            assert address.encode() not in road
        # what was said: the text after the greeting, and the name in it
        greeting, _, rest = mail["text"].partition("\n")
        assert rest[:40].encode() not in road
        name = re.sub(r"^(Hi|Hallo|Hola,|Bonjour)\s+|[,:]$", "", greeting)
        assert name not in re.findall(r"\w+", model)
        assert f'"{name}"'.encode() not in road


def everything_in(broker):
    """Keys, values and headers of all records of the three topics."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "reader", "enable.auto.commit": False}
    )
    topics = [topic for topic in consumer.list_topics(timeout=10).topics if topic.startswith("notifications.")]
    assert len(topics) == 3
    dump = b""
    for topic in topics:
        for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
            seen = 0
            while seen < end:
                for message in consumer.consume(end - seen, 5):
                    seen = message.offset() + 1
                    dump += (message.key() or b"") + (message.value() or b"") + repr(message.headers()).encode()
    consumer.close()
    return dump


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "kill -9"])
def test_a_consumer_that_ends_in_mid_run_loses_nothing(place, number):
    demo = Demo(place, 150)

    def twenty_are_sent():
        return len(demo.log(worker="consumer", event="step", after="COMPLETED")) >= 20 or demo.process.poll()

    wait_until(twenty_are_sent, "the consumer sends")
    consumer = demo.log(event="worker_started", name="consumer")[0]["pid"]
    os.kill(consumer, number)
    code, sums = demo.end()

    assert (code, sums["planned"], sums["open"], sums["unaccounted"]) == (0, 150, 0, 0)
    accepted = demo.accepted()
    assert len(set(accepted)) >= sums["completed"]
    copies = len(accepted) - len(set(accepted))
    taken_over = re.search(r"possible second copies after a crash, within the promise: (\d+)", demo.said)
    if number is signal.SIGTERM:
        assert copies == 0
        assert taken_over is None
        (died,) = demo.log(event="worker_died", name="consumer")
        assert died["code"] == 0
    else:
        assert copies <= int(taken_over[1] if taken_over else 0)
        texts = [one["client_id"] for one in demo.inbox() if one["kind"] == "sms"]
        assert len(texts) == len(set(texts))


def test_ctrl_c_in_mid_run_leaves_nothing(place):
    demo = Demo(place, 150)
    wait_until(lambda: demo.log(worker="consumer", after="COMPLETED") or demo.process.poll(), "the consumer sends")

    demo.process.send_signal(signal.SIGINT)

    assert demo.process.wait(60) == 128 + signal.SIGINT
    demo.process.stdout.close()
    assert marked(str(place)) == {}
    assert demo.log(level="error") == []
    assert demo.log(event="ended", worker="consumer")


def test_without_java_a_small_broker_takes_kafkas_place_and_it_is_said(place):
    path = place / "path"
    path.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*") if folder else ():
            if program.name not in {"java", "mvn"} and not (path / program.name).is_symlink():
                (path / program.name).symlink_to(program)
    demo = Demo(place, 60, PATH=str(path))

    code, sums = demo.end()

    assert "in-process broker takes" in demo.said
    assert (code, sums["planned"], sums["open"], sums["duplicates"], sums["unaccounted"]) == (0, 60, 0, 0, 0)
