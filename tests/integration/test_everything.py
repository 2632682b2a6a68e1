"""`worker all`: one process each, kept alive, ended together."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
import structlog

from healthnotify.domain.errors import Fatal
from healthnotify.embedded.process import is_alive
from healthnotify.workers import everything
from tests.twin_app import LONGEST, LOOK, QuickLoop, until

pytestmark = pytest.mark.timeout(60)

ANY_PORTS = dict.fromkeys(everything.WORKERS, 0)


@pytest.fixture
def log():
    with structlog.testing.capture_logs() as lines:
        yield lines


CHILD = """
import signal, sys
from pathlib import Path

place, name = Path(sys.argv[0]).parent, sys.argv[2]
if name == "builder":
    sys.exit(3)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
(place / name).write_text(" ".join(sys.argv[3:]))
signal.pause()
"""


@pytest.fixture
def children(tmp_path, monkeypatch):
    """In the place of manage.py: a builder that dies at once, and others that live until SIGTERM."""
    program = tmp_path / "manage.py"
    program.write_text(CHILD)
    monkeypatch.setattr(everything.sys, "argv", [str(program)])
    monkeypatch.setattr(everything, "PAUSE", timedelta(seconds=LOOK))
    return tmp_path


async def test_a_worker_that_keeps_dying_ends_all_of_them_in_order_and_leaves_nobody_behind(children, log):
    with pytest.raises(Fatal, match="the worker builder died 5 times within a minute"):
        await asyncio.wait_for(everything.run(QuickLoop("all"), ANY_PORTS), LONGEST)

    started = {line["pid"]: line["name"] for line in log if line["event"] == "worker_started"}
    assert Counter(started.values()) == dict.fromkeys(everything.WORKERS, 1) | {"builder": 5}
    assert [line["code"] for line in log if line["event"] == "worker_died"] == [3] * 5
    ended = {line["name"] for line in log if line["event"] == "worker_ended"}
    assert ended == set(everything.WORKERS) - {"builder"}
    assert [pid for pid in started if is_alive(pid)] == []


async def test_each_has_a_health_port_of_its_own_and_all_end_when_it_is_asked_to(children, log):
    running_loop = QuickLoop("all")
    task = asyncio.create_task(everything.run(running_loop, {"planner": 9400, "sweeper": 9401}))
    await until(lambda: (children / "planner").exists() and (children / "sweeper").exists(), "they run")
    running_loop.stop()
    await asyncio.wait_for(task, LONGEST)

    told = {name: (children / name).read_text() for name in ("planner", "sweeper")}
    assert told == {"planner": "--port=9400", "sweeper": "--port=9401"}
    assert sorted((line["name"], line["code"]) for line in log if line["event"] == "worker_ended") == [
        ("planner", 0),
        ("sweeper", 0),
    ]
