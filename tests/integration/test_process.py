"""Child processes: none outlives us, whatever they do and however we end; and signals, which must not prevent that."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from config.environment import ROOT
from healthnotify.embedded import interrupts
from healthnotify.embedded.interrupts import Interrupted
from healthnotify.embedded.process import Process, StartFailed, answers, descendants, free_port, running
from tests.processes import has_ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

FOREVER = "exec sleep 1000"


@pytest.fixture
def shell(tmp_path):
    """Starts shell scripts, and leaves none behind, whatever a test has broken."""
    begun = []

    def start(script, **options):
        begun.append(Process("The script", ["/bin/sh", "-c", script], log=tmp_path / "script.log", **options))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()


def wait_for_line(process):
    """The script's first line of output."""
    process.wait_until(lambda: "\n" in process.log.read_text(), seconds=10)
    return process.log.read_text().splitlines()[0]


def test_one_that_ends_too_early_is_reported_with_its_code_and_its_last_words(shell, tmp_path):
    process = shell("echo the disk is full; exit 3")

    with pytest.raises(StartFailed) as failure:
        process.wait_until(lambda: False, seconds=10)

    assert "The script did not start: it ended with code 3" in str(failure.value)
    assert "| the disk is full" in str(failure.value)
    assert str(tmp_path / "script.log") in str(failure.value)


def test_one_that_never_gets_ready_is_given_up(shell):
    process = shell(FOREVER)

    with pytest.raises(StartFailed, match="not ready after 0 s"):
        process.wait_until(lambda: False, seconds=0.1)

    assert process.exit_code is None, "who waits decides what to do with it"


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StartFailed, match="Broker did not start: /no/such/program cannot be run"):
        Process("Broker", ["/no/such/program"], log=tmp_path / "log")


def test_stop_lets_it_end_in_order(shell):
    process = shell("trap 'echo goodbye; exit 0' TERM; echo ready; while :; do sleep 0.01; done")
    wait_for_line(process)

    process.stop()
    process.stop()

    assert process.exit_code == 0
    assert "goodbye" in process.log.read_text()


def test_stop_ends_one_that_does_not_listen(shell):
    process = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done")
    wait_for_line(process)

    process.stop(seconds=0.1)

    assert process.exit_code == -signal.SIGKILL


def test_stop_ends_the_children_too(shell):
    process = shell("sleep 1000 & echo $!; wait")
    child = int(wait_for_line(process))

    process.stop()

    assert has_ended(child)


def test_children_are_ended_when_their_parent_has_ended_by_itself(shell):
    process = shell("sleep 1000 & echo $!")
    child = int(wait_for_line(process))

    process.wait_until(lambda: process.exit_code is not None, seconds=10)

    assert has_ended(child)


def test_kill_reaches_descendants_with_a_session_of_their_own(shell):
    process = shell("setsid sh -c 'trap \"\" TERM; sleep 1000 & echo $!; wait' & wait")
    grandchild = int(wait_for_line(process))
    assert grandchild in descendants(process.pid)

    process.kill()

    assert has_ended(grandchild, seconds=0), "kill returns when all are gone"
    assert process.exit_code == -signal.SIGKILL


def test_what_runs_is_known_until_it_has_ended(shell):
    process = shell(FOREVER)
    assert process in running()

    process.stop()

    assert process not in running()


def test_an_ignored_ctrl_c_is_not_handed_down(shell):
    """A shell's background job ignores SIGINT, and PostgreSQL is stopped by it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = shell(FOREVER, stop_with=signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    process.stop()

    assert process.exit_code == -signal.SIGINT


@pytest.mark.parametrize("uid", [None, pytest.param(65534, marks=pytest.mark.skipif(os.geteuid() != 0, reason="root"))])
def test_a_child_ends_when_we_are_killed(tmp_path, uid):
    program = (
        "import os, pathlib, signal\n"
        "from healthnotify.embedded.process import Process\n"
        f"child = Process('Child', ['sleep', '1000'], log=pathlib.Path({str(tmp_path / 'log')!r}), uid={uid})\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    dead = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )

    assert dead.returncode == -signal.SIGKILL, dead.stderr
    assert has_ended(int(dead.stdout))


def test_a_free_port_is_kept_for_the_server_that_sets_reuseaddr():
    port = free_port()

    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind(("127.0.0.1", port))
    assert not answers(port)
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        assert answers(port)


@contextmanager
def watching():
    interrupts.watch()
    try:
        yield
    finally:
        interrupts.forget()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_becomes_the_exception_that_ends_a_program(number):
    with watching(), pytest.raises(KeyboardInterrupt) as interrupted:
        signal.raise_signal(number)

    assert isinstance(interrupted.value, Interrupted)
    assert interrupted.value.exit_code == 128 + number


def test_a_signal_waits_for_the_end_of_what_is_held():
    done = []

    with watching(), pytest.raises(Interrupted), interrupts.held():  # noqa: PT012 - the end of `held` raises
        with interrupts.held():
            signal.raise_signal(signal.SIGTERM)
            done.append("inner")
        done.append("outer")

    assert done == ["inner", "outer"]


def test_the_second_ctrl_c_does_not_cut_the_cleaning_up_short():
    with watching():
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with interrupts.held():
            signal.raise_signal(signal.SIGTERM)


def test_signals_are_given_back_and_ignored_ones_stay_ignored():
    own = signal.getsignal(signal.SIGTERM)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with watching(), watching():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not own
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_in_the_middle_of_a_start_leaves_no_child(shell, monkeypatch):
    spawn = Process._spawn

    def interrupted(self, *arguments):
        child = spawn(self, *arguments)
        signal.raise_signal(signal.SIGINT)
        return child

    monkeypatch.setattr(Process, "_spawn", interrupted)
    with watching(), pytest.raises(Interrupted):
        shell(FOREVER)

    (known,) = running()[-1:]
    known.stop()
    assert known.name == "The script"
