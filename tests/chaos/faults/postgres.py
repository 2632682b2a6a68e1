"""A PostgreSQL that restarts, dies in the middle of a claim, has no connection left, is locked, or has a full disk."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psycopg

from tests.chaos.faults import fault
from tests.chaos.run import LeftOut, Run

PEOPLE: Final = 150
#: A backend that claims just now, as `pg_stat_activity` shows it.
CLAIMING: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE query LIKE '%%claimed AS%%' AND pid <> pg_backend_pid()
          AND (state = 'active' OR (state = 'idle in transaction' AND query_start > now() - interval '1 second'))
"""
KILLS: Final = 3
AWAY: Final = 1.0  # seconds
LOCKED: Final = 7  # seconds: longer than the lease
ROOM: Final = 96 * 1024 * 1024  # bytes of the small disk beyond what is on it already


@fault(
    41,
    "PostgreSQL restarted, killed in mid-claim",
    done=f"PostgreSQL is restarted in order in mid-run; or it is killed with SIGKILL, {KILLS} times, each time while a "
    "claim is under way, and comes back after a second.",
    holds="Who asks it waits; a claim whose COMMIT nobody confirmed is found or made again; nothing is sent twice "
    "beyond the promise.",
    variants=lambda _dice, quick: ("killed in mid-claim",) if quick else ("restarted", "killed in mid-claim"),
)
def restart(run: Run) -> None:
    run.lines["postgres"].weather.delay = 0.01  # so that claims are under way at most times
    run.load(2 * PEOPLE, seconds=10)
    for number in range(1 if run.variant == "restarted" else KILLS):
        taken = run.accepted()
        run.wait_for(lambda before=taken: run.accepted() > before + 10, f"work before number {number + 1}")
        if run.variant == "restarted":
            run.services.postgres.restart()
        else:
            _kill_in_mid_claim(run)
    run.notes.append(f"{run.taken_over()} claims were taken over")


def _kill_in_mid_claim(run: Run) -> None:
    with psycopg.connect(run.services.postgres.url, autocommit=True) as connection:
        run.wait_for(lambda: connection.execute(CLAIMING).fetchone() != (0,), "a claim that is under way")
        run.services.postgres.kill()
        run.services.kills += 1
    run.pause(AWAY)
    run.services.postgres.restart()


@fault(
    42,
    "pool exhausted, long lock",
    done="For four seconds every connection that PostgreSQL allows is somebody else's, ours are broken off; or "
    f"somebody locks all notifications for {LOCKED} s, longer than a lease.",
    holds="Who asks it waits, and nothing is lost or sent twice.",
    variants=lambda _dice, quick: ("long lock",) if quick else ("no connection left", "long lock"),
)
def exhausted(run: Run) -> None:
    run.load(PEOPLE, seconds=4)
    run.wait_until_accepted(0.15)
    if run.variant == "long lock":
        with psycopg.connect(run.services.postgres.url) as connection:
            connection.execute("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")
            before = run.accepted()
            run.pause(LOCKED)
            waiting = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            run.prove(waiting and waiting[0] > 0, "nobody waited for the lock")
            run.notes.append(f"{waiting and waiting[0]} waited; {run.accepted() - before} were sent meanwhile")
        return
    with _all_connections(run) as refused:
        run.pause(4)
        run.prove(refused, "there was one left")
    run.notes.append(f"{len(refused)} connections were ours")


@contextmanager
def _all_connections(run: Run) -> Iterator[list[psycopg.Connection]]:
    """Take them all; those of the workers are broken off, and what becomes free is ours before it is theirs."""
    taken: list[psycopg.Connection] = []
    deadline = time.monotonic() + 10
    full = 0
    try:
        while full < 3 and time.monotonic() < deadline:  # refused, three times in a row: there is none left
            try:
                taken.append(psycopg.connect(run.services.postgres.url, connect_timeout=5))
                full = 0
            except psycopg.OperationalError:
                full += 1
                run.lines["postgres"].reset()
        run.prove(full >= 3, "PostgreSQL has connections without end")
        yield taken
    finally:
        for connection in taken:
            connection.close()


@fault(
    43,
    "PostgreSQL disk full",
    done="PostgreSQL's data are moved to a small tmpfs before the run; in mid-run the rest of it is filled for six "
    "seconds, and then freed. It may end itself, and is started again then. (Only for root, who may mount.)",
    holds="Who asks it waits; what is committed stays; nothing is lost or sent twice beyond the promise.",
)
def disk_full(run: Run) -> None:
    with _on_a_small_disk(run) as disk:
        run.load(2 * PEOPLE, seconds=8, lead=3)
        run.wait_until_accepted(0.1)
        log = run.services.postgres.log
        before = log.stat().st_size
        filler = disk / "filler"
        _fill(filler)
        run.pause(6)
        filler.unlink()
        said = log.read_bytes()[before:].count(b"No space left on device")
        run.prove(said, "PostgreSQL never ran out of space")
        run.notes.append(f"PostgreSQL said {said} times that there is no space left")
        run.services.heal()
        run.wait_for(lambda: run.open() == 0, "all of it ended", seconds=60)


@contextmanager
def _on_a_small_disk(run: Run) -> Iterator[Path]:
    """PostgreSQL on a tmpfs, and then back where it was. Raises `LeftOut` where nobody may mount."""
    home = run.services.directory / "postgresql" / "server"
    data, aside = home / "data", home / "data-aside"
    trial = home / "trial"
    trial.mkdir()
    if not _mount(trial, sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) + ROOM, home.stat()):
        trial.rmdir()
        raise LeftOut("only root may mount a small disk")
    postgres = run.services.postgres
    try:
        postgres.stop()
        _move(data, trial / "data")
        data.symlink_to(trial / "data")
        postgres.restart()
        run.reconnect()
        yield trial
    finally:
        (trial / "filler").unlink(missing_ok=True)
        postgres.stop()
        data.unlink()
        _move(trial / "data", aside)
        aside.rename(data)
        subprocess.run(["umount", str(trial)], check=True)
        trial.rmdir()
        postgres.restart()
        run.reconnect()


def _mount(where: Path, size: int, owner: os.stat_result) -> bool:
    options = f"size={size},uid={owner.st_uid},gid={owner.st_gid},mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(where)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _move(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    subprocess.run(["rm", "-rf", str(source)], check=True)


def _fill(filler: Path) -> None:
    """Until nothing fits in any more."""
    with suppress(OSError), filler.open("wb") as sink:
        while True:
            sink.write(b"\0" * 65536)
            sink.flush()
