"""Processes that die in earnest over a record, on the real Kafka with the marks in the real PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from healthnotify.apps.notifications.models import IntakeMark
from healthnotify.domain.delivery import KILLS_THE_PROCESS
from healthnotify.pipeline.ports import Topic
from tests.kafka_fixture import KafkaSide, an_envelope

ROOT = Path(__file__).parents[2]

#: Reads what there is and says what it read; a certain record ends it as the kernel does. Each has a group of its own,
#: so that nobody has to wait until a dead member is missed: what is not committed is delivered again in either case.
READER = """
import os, signal, sys
from datetime import datetime, timedelta, UTC
from uuid import uuid4
import django
django.setup()
from healthnotify.adapters import suspects
from healthnotify.adapters.kafka import KafkaIntake, KafkaSettings
from healthnotify.apps.notifications.crash_log import PostgresCrashLog
from healthnotify.domain.delivery import Poison
from healthnotify.pipeline.ports import Topic

class Settings(KafkaSettings):
    def group(self, topic):
        return f"{self.prefix}{uuid4().hex}"

def decode(value, read=suspects.decode):
    if value == b"bomb":
        os.kill(os.getpid(), signal.SIGKILL)
    return read(value)

suspects.decode = decode
servers, prefix, count = sys.argv[1:]
log = PostgresCrashLog(Topic.DAILY, uuid4(), lambda: datetime.now(UTC))
intake = KafkaIntake(Settings(servers, partitions=3, prefix=prefix), Topic.DAILY, crash_log=log)
left = int(count)
while left:
    records = intake.take(100, timedelta(seconds=0.2))
    for record in records:
        content = record.content
        print(content.reason if isinstance(content, Poison) else content.id, flush=True)
    intake.finish(records)
    left -= len(records)
intake.close()
"""


def read(side, count):
    """Exit code, and what it read, line by line."""
    name = connection.settings_dict["NAME"]
    ended = subprocess.run(
        [sys.executable, "-c", READER, side.settings.bootstrap_servers, side.settings.prefix, str(count)],
        cwd=ROOT,
        env=environment() | {"POSTGRES_DB": name, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout.split("\n")[:-1], ended.stderr


def environment():
    return {name: value for name, value in os.environ.items() if name.startswith("POSTGRES_") or name == "PATH"}


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_three_processes_die_and_the_fourth_buries_it_unread_and_delivers_the_rest(committed, kafka_settings):
    side = KafkaSide(kafka_settings)
    try:
        user = an_envelope().user_id
        sent = [an_envelope(user) for _ in range(4)]
        side.road.announce(Topic.DAILY, sent[:2])
        side.put(Topic.DAILY, str(user).encode(), b"bomb")
        side.road.announce(Topic.DAILY, sent[2:])

        deaths = [read(side, 5) for _ in range(3)]
        code, lines, errors = read(side, 5)

        assert [one[0] for one in deaths] == [-9, -9, -9], deaths
        assert code == 0, errors
        assert [line for line in lines if line.startswith(KILLS_THE_PROCESS)] == [
            f"{KILLS_THE_PROCESS}: 3 processes have ended over it"
        ]
        assert {str(envelope.id) for envelope in sent} < set(lines)
        assert not IntakeMark.objects.exists()
    finally:
        side.close()
