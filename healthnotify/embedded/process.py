"""A child process that never outlives us: started, waited for, stopped with all its own children, its log kept."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Final

from healthnotify.embedded import interrupts

PR_SET_PDEATHSIG: Final = 1
PATIENCE: Final = 0.05  # seconds between two looks at a service that is starting
LAST_BREATH: Final = 10  # seconds for the kernel to end what was killed
LAST_WORDS: Final = 15  # lines of the log that an error shows

_reserved: list[socket.socket] = []
_started: "dict[Process, None]" = {}  # a set that keeps the order


class StartFailed(Exception):
    """An embedded service did not come up; the message names it, says what failed and where its log is."""

    def __init__(self, name: str, problem: str, log: Path | None = None) -> None:
        where = f"\n  log: {log}{_tail(log)}" if log else ""
        super().__init__(f"{name} did not start: {problem}.{where}")
        self.name = name
        self.problem = problem


class Process:
    """One running program. Start it from the main thread: Linux ends it when the thread that started it ends."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path | None,
        environment: Mapping[str, str] | None = None,
        uid: int | None = None,
        stop_with: signal.Signals = signal.SIGTERM,
    ) -> None:
        """`environment` replaces ours when given; `uid` is the user (and group) to become, for root only. With
        `log=None` the child writes to our own output.

        Raises `StartFailed` when the program cannot be run at all.
        """
        self.name = name
        self.log = log
        self._stop_with = stop_with
        self._swept = False
        with interrupts.held():  # between fork and return a signal would leave a child that nobody knows
            self._child = self._spawn(command, environment, uid)
            _started[self] = None

    def _spawn(
        self, command: Sequence[str], environment: Mapping[str, str] | None, uid: int | None
    ) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") if self.log else nullcontext() as sink:
            try:
                return subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT if sink else None,
                    env=None if environment is None else dict(environment),
                    start_new_session=True,  # Ctrl-C in the terminal reaches us alone; we stop the children in order
                    preexec_fn=_tie_to_parent(self._stop_with),  # noqa: PLW1509 - it only calls signal and prctl
                    user=uid,
                    group=uid,
                    extra_groups=None if uid is None else [],
                )
            except OSError as problem:
                raise StartFailed(self.name, f"{command[0]} cannot be run ({problem.strerror})") from None

    @property
    def pid(self) -> int:
        """The process id, which is also its process group and session."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        code = self._child.poll()
        if code is not None and not self._swept:
            self._bury()
        return code

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Look until `ready` answers true. Raises `StartFailed` when the process ends or the time is over."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.exit_code is not None:
                raise StartFailed(self.name, f"it ended with code {self.exit_code}", self.log)
            if time.monotonic() > deadline:
                raise StartFailed(self.name, f"it was not ready after {seconds:.0f} s", self.log)
            time.sleep(PATIENCE)

    def stop(self, *, seconds: float = 10) -> None:
        """Ask it and its children to end, and end them when they do not. Safe to call twice."""
        if self.exit_code is not None:
            return
        self._signal_group(self._stop_with)
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        if not self._swept:
            self._bury()

    def kill(self) -> None:
        """`kill -9` of it and of all its descendants, also of those with a session of their own."""
        if self.exit_code is not None:
            return
        self._child.send_signal(signal.SIGSTOP)  # it must not fork between the look and the blow
        family = descendants(self.pid)
        for pid in [*family, self.pid]:  # the head last, so that nobody has time to notice and say goodbye
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._child.wait()
        self._bury()
        deadline = time.monotonic() + LAST_BREATH
        while any(is_alive(pid) for pid in family) and time.monotonic() < deadline:
            time.sleep(PATIENCE)

    def _bury(self) -> None:
        """End what the leader left behind; once, while its number cannot have gone to somebody else yet."""
        self._swept = True
        _started.pop(self, None)
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # gone; macOS says EPERM for a zombie
            os.killpg(self._child.pid, number)


def running() -> list[Process]:
    """Every process of ours that has not ended, in the order of their starts."""
    return [process for process in list(_started) if process.exit_code is None]


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on, kept for us on Linux until we end.

    The probe stays bound without listening: the kernel gives this port to nobody else, while a server that sets
    SO_REUSEADDR, as all of ours do, can listen beside it. Elsewhere the port is free just now and no more.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port = int(probe.getsockname()[1])
    if sys.platform == "linux":
        _reserved.append(probe)
    else:
        probe.close()
    return port


def answers(port: int) -> bool:
    """Whether somebody accepts connections on that loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_root() -> bool:
    """Whether we may, and for PostgreSQL must, become somebody else."""
    return os.geteuid() == 0


def descendants(pid: int) -> list[int]:
    """Children of `pid`, their children and so on; empty where there is no /proc."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(entry.name))
        if fields:
            parents[int(entry.name)] = int(fields[1])
    found: list[int] = []
    front = {pid}
    while front:
        front = {child for child, parent in parents.items() if parent in front}
        found += front
    return found


def is_alive(pid: int) -> bool:
    """Whether it runs, by /proc; a zombie that a lazy init has not buried yet does not."""
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def _stat(pid: int) -> list[str]:
    """State, parent and so on; empty when there is no such process. The name before them may hold blanks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _tie_to_parent(stop_with: signal.Signals) -> Callable[[], None]:
    """What the child does before exec: on Linux the kernel signals it when we die, even by `kill -9`."""
    parent = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def tie() -> None:
        signal.signal(stop_with, signal.SIG_DFL)  # a shell's background job hands "ignore SIGINT" down
        if libc:
            libc.prctl(PR_SET_PDEATHSIG, int(stop_with), 0, 0, 0)
            if os.getppid() != parent:  # we died before the kernel was asked
                os._exit(1)

    return tie


def _tail(log: Path) -> str:
    try:
        return "".join(f"\n  | {line}" for line in log.read_text(errors="replace").splitlines()[-LAST_WORDS:])
    except OSError:
        return ""
