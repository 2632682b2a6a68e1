"""Everything that the system needs on one machine: embedded where nothing is given, and gone again afterwards.

python -m healthnotify.embedded.stack [--keep DIRECTORY]     prints `export` lines and stays until Ctrl-C
"""

import argparse
import atexit
import fcntl
import functools
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, TextIO

from healthnotify.embedded import inbox, interrupts, kafka, model_server, postgres, process, variables
from healthnotify.embedded.inbox_faults import Faults as InboxFaults
from healthnotify.embedded.interrupts import Interrupted
from healthnotify.embedded.model_server import Faults as ModelFaults
from healthnotify.embedded.process import StartFailed
from healthnotify.embedded.valkey import Valkey

NAME: Final = "The stack"
DRAINING: Final = 25  # seconds; a worker takes up to 20

Tell = Callable[[str, str], None]


class Server(Protocol):
    """What all embedded services have in common."""

    def wait(self) -> object:
        """Block until it is ready. Raises `StartFailed`."""

    def stop(self) -> None:
        """End it. Safe to call twice."""


class Stack:
    """The embedded services that are needed; start it from the main thread, and use it in a `with`.

    SIGINT, SIGTERM and SIGHUP raise `Interrupted` (a `KeyboardInterrupt`) in the main thread from the start until the
    end; on the way out everything is stopped, also when a second signal comes. A `kill -9` of this process cannot be
    caught: the kernel then asks the services to end, and their directory stays.
    """

    def __init__(self, directory: Path | None, given: Mapping[str, str], *, tell: Tell, keep: bool) -> None:
        """Use `start`."""
        self.valkey: Valkey | None = None
        self.model: model_server.ModelServer | None = None
        self.inbox: inbox.Inbox | None = None
        self.postgres: postgres.Postgres | None = None
        self.kafka: kafka.KafkaBroker | kafka.InProcessBroker | None = None
        self.keep = keep  #: set it to true at any time, and the directory with all logs stays
        self._given = {name: text for name, text in given.items() if text}
        self._tell = tell
        self._is_ours = directory is None
        self._owner = os.getpid()
        self._services: list[tuple[str, float, Server]] = []
        self._variables: dict[str, str] = {}
        self._others = set(process.running())
        self._own: set[process.Process] = set()
        self._stopped = False
        self._lock: TextIO | None = None
        interrupts.watch()
        atexit.register(self.stop)  # a signal may come between `start` and the `with`
        with interrupts.held():
            self.directory = directory or Path(tempfile.mkdtemp(prefix="healthnotify-"))

    @classmethod
    def start(
        cls,
        directory: Path | None,
        given: Mapping[str, str],
        *,
        tell: Tell = lambda name, text: None,
        keep: bool = False,
        durable: bool = True,
        kafka_cache: Path | None = None,
        inbox_faults: InboxFaults | None = None,
        model_faults: ModelFaults | None = None,
        model_seed: int = 0,
    ) -> Self:
        """Start what `given` (names and texts as in the environment) leaves empty, and wait until it is ready.

        Files go into `directory`, which stays and can be started from again; with None into a new one that is removed
        by `stop`, unless `keep` is asked for or something fails. `tell` gets a name and a text for each step. Raises
        `StartFailed`; then nothing is left running.
        """
        stack = cls(directory, given, tell=tell, keep=keep)
        try:
            stack._prepare()
            if stack._lacks("REDIS_URL"):
                stack._start_valkey()
            if stack._lacks("OPENAI_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
                stack._start_model(model_faults, model_seed)
            if stack._lacks("EMAIL_HOST") or stack._lacks("SMS_BASE_URL"):
                stack._start_inbox(inbox_faults)
            if stack._lacks("POSTGRES_HOST"):
                stack._start_postgres(durable=durable)
            if stack._lacks("KAFKA_BOOTSTRAP_SERVERS"):  # last: the first time it fetches its program
                stack._start_kafka(kafka_cache or kafka.default_cache())
            stack._wait()
        except BaseException as problem:
            stack._end(problem)
            raise
        return stack

    def environment(self) -> dict[str, str]:
        """The variables of what was started or made up here; what was given is not repeated."""
        return dict(self._variables)

    def begin(self, name: str, command: Sequence[str], log: Path | None, more: Mapping[str, str]) -> process.Process:
        """Start a program on these services, `more` variables last; it is ended before they are."""
        return process.Process(name, command, log=log, environment={**os.environ, **self._variables, **more})

    def run(self, command: Sequence[str], more: Mapping[str, str]) -> int:
        """Run a command on these services, its output on ours, and answer its exit code."""
        child = self.begin("command", command, None, more)
        while child.exit_code is None:
            time.sleep(process.PATIENCE)
        return child.exit_code

    def output_of(self, command: Sequence[str], more: Mapping[str, str]) -> str:
        """Run a short command on these services and answer what it prints. Raises `StartFailed` when it fails."""
        surroundings = {**os.environ, **self._variables, **more}
        ended = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise StartFailed(" ".join(command[1:]), ended.stderr.strip() or f"code {ended.returncode}")
        return ended.stdout

    def stop(self) -> None:
        """End all, the last one first, and remove the directory if it is ours to remove. Safe to call twice."""
        if self._stopped or os.getpid() != self._owner:  # a forked child inherits the call at exit, not the services
            return
        try:
            with interrupts.held():
                self._stopped = True
                self._stop_services()
                self._clean_up()
        finally:
            atexit.unregister(self.stop)
            interrupts.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(problem)

    def _end(self, problem: BaseException | None) -> None:
        """Only a defect keeps the logs: neither Ctrl-C nor an exit code is one."""
        self.keep = self.keep or isinstance(problem, Exception)
        self.stop()

    def _lacks(self, *names: str) -> bool:
        return not any(name in self._given for name in names)

    def _prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock_directory()
        if process.is_root():  # PostgreSQL must not be root, and passes through here
            self.directory.chmod(self.directory.stat().st_mode | stat.S_IXOTH)
        for name, text in variables.made_up(self.directory / "secrets.json").items():
            if self._lacks(name):
                self._variables[name] = text

    def _lock_directory(self) -> None:
        """Two on the same files would spoil them; the lock ends with this process, however it ends."""
        self._lock = (self.directory / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            way_out = "end it, or choose another directory"
            raise StartFailed(NAME, f"another one runs on the files in {self.directory}; {way_out}") from None

    def _start_valkey(self) -> None:
        self.valkey = Valkey(self.directory / "valkey")
        self._started("Valkey", self.valkey, variables.of_cache(self.valkey))

    def _start_model(self, faults: ModelFaults | None, seed: int) -> None:
        self.model = model_server.start(self._folder("model"), faults=faults, seed=seed)
        self._started("Language model", self.model, variables.of_model(self.model))

    def _start_inbox(self, faults: InboxFaults | None) -> None:
        self.inbox = inbox.start(self._folder("inbox"), faults)
        mail = variables.of_mail(self.inbox) if self._lacks("EMAIL_HOST") else {}
        texts = variables.of_sms(self.inbox) if self._lacks("SMS_BASE_URL") else {}
        self._started("Inbox", self.inbox, mail | texts)

    def _start_postgres(self, *, durable: bool) -> None:
        self.postgres = postgres.Postgres(self.directory / "postgresql", durable=durable)
        self.postgres.launch()
        self._started("PostgreSQL", self.postgres, {})  # they are certain, with its port, when it is ready

    def _start_kafka(self, cache: Path) -> None:
        obstacle = kafka.missing(cache)
        if obstacle:
            self._tell("Kafka", f"{obstacle}, so a small in-process broker takes its place (nothing on disk)")
            self.kafka = kafka.InProcessBroker()
        else:
            if not kafka.is_fetched(cache):
                self._tell("Kafka", "Maven fetches its program, 43 MB (the first time only)")
            folder = self.directory / "kafka"
            shutil.rmtree(folder, ignore_errors=True)  # PostgreSQL is the truth: the road may begin empty
            self.kafka = kafka.start(folder, cache=cache)
        self._started("Kafka", self.kafka, variables.of_kafka(self.kafka))

    def _started(self, name: str, service: Server, lead_to_it: Mapping[str, str]) -> None:
        self._services.append((name, time.monotonic(), service))
        self._variables |= lead_to_it

    def _folder(self, name: str) -> Path:
        folder = self.directory / name
        folder.mkdir(exist_ok=True)
        return folder

    def _wait(self) -> None:
        """In the order of the starts: the quick ones come first, so that each tells its own time."""
        for name, began, service in self._services:
            service.wait()
            self._tell(name, f"ready after {time.monotonic() - began:.1f} s")
        self._own = set(process.running()) - self._others
        if self.postgres:  # its port is certain only now
            self._variables |= self.postgres.environment()

    def _stop_services(self) -> None:
        """Who came after the services uses them, and ends first; last, what a signal has cut off from its owner."""
        for user in self._begun_since(self._others | self._own):
            self._stop_one(user.name, functools.partial(user.stop, seconds=DRAINING))
        for name, _, service in reversed(self._services):
            self._stop_one(name, service.stop)
        for stray in self._begun_since(self._others):
            self._stop_one(stray.name, stray.stop)

    def _begun_since(self, known: set[process.Process]) -> list[process.Process]:
        """The youngest first."""
        return [one for one in reversed(process.running()) if one not in known]

    def _stop_one(self, name: str, stop: Callable[[], None]) -> None:
        try:
            stop()
        except Exception as problem:  # the others are stopped all the same
            self._say(name, f"could not be stopped: {problem}")

    def _clean_up(self) -> None:
        if self._lock:
            self._lock.close()
        if self._is_ours and not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)
        elif self.keep:
            self._say(NAME, f"files and logs are kept in {self.directory}")

    def _say(self, name: str, text: str) -> None:
        """While stopping: a closed terminal must not stop the stopping."""
        with suppress(OSError, ValueError):
            self._tell(name, text)


def main(arguments: list[str] | None = None) -> int:
    """Start all that the environment leaves open, print its variables, stay until a signal."""
    parser = argparse.ArgumentParser(prog="python -m healthnotify.embedded.stack", description=__doc__)
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="keep all files there, and go on from them")
    directory = parser.parse_args(arguments).keep
    running = False
    try:
        with Stack.start(directory, os.environ, tell=_print) as stack:
            for name, text in stack.environment().items():
                sys.stdout.write(f"export {name}={shlex.quote(text)}\n")
            sys.stdout.flush()
            running = True  # before it is said: who reads it may press Ctrl-C at once
            _print(NAME, "ready; Ctrl-C ends it")
            while True:
                signal.pause()
    except Interrupted as end:
        return 0 if running else end.exit_code
    except StartFailed as problem:
        _print(NAME, str(problem))
        return 1


def _print(name: str, text: str) -> None:
    sys.stderr.write(f"{name}: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
