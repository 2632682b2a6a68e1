"""A child process that never outlives us: started, waited for, stopped, its log kept."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PATIENCE: Final = 0.05  # seconds between two looks at a service that is starting


class StartFailed(Exception):
    """An embedded service did not come up; the message names it, says what failed and where its log is."""

    def __init__(self, name: str, problem: str, log: Path | None = None) -> None:
        tail = _tail(log) if log else ""
        where = f"\n  log: {log}{tail}" if log else ""
        super().__init__(f"{name} did not start: {problem}.{where}")
        self.name = name


class Process:
    """One running program. Start it from the main thread: Linux ends it when the thread that started it ends."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        uid: int | None = None,
        stop_with: signal.Signals = signal.SIGTERM,
    ) -> None:
        """`environment` replaces ours when given; `uid` is the user (and group) to become, for root only."""
        self.name = name
        self.log = log
        self._stop_with = stop_with
        identity = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
        with log.open("ab") as sink:
            self._child = subprocess.Popen(  # noqa: PLW1509 - the child only calls prctl before exec
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,  # Ctrl-C in the terminal reaches us alone, and we stop the children in order
                preexec_fn=_end_with_parent(stop_with),
                **identity,  # type: ignore[arg-type]
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._child.poll()

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
        """Ask it to end, and end it when it does not. Safe to call twice."""
        if self.exit_code is None:
            self._child.send_signal(self._stop_with)
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def kill(self) -> None:
        """`kill -9`, for tests of crashes."""
        self._child.kill()
        self._child.wait()


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody accepts connections on that loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_root() -> bool:
    """Whether we may, and for PostgreSQL must, become somebody else."""
    return os.geteuid() == 0


def _end_with_parent(stop_with: signal.Signals) -> Callable[[], None] | None:
    """On Linux the kernel signals the child when we die, even by `kill -9`; elsewhere only `stop` does."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(stop_with), 0, 0, 0)

    return ask_kernel


def _tail(log: Path, lines: int = 15) -> str:
    try:
        return "".join(f"\n  | {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
