"""A Redis that dies, forgets, goes back in time, is full, slow or gone, and loses scripts and connections."""

import shutil
from pathlib import Path
from typing import Any, Final

from redis import Redis

from tests.chaos.faults import fault
from tests.chaos.run import Run

PEOPLE: Final = 150
FULL: Final = "1mb"  # less than it holds already
ROUNDS: Final = 20


def _variants(*names: str, quick: int) -> object:
    return lambda _dice, is_quick: names[:quick] if is_quick else names


def _configuration(run: Run) -> Path:
    return run.services.directory / "valkey" / "valkey.conf"


@fault(
    11,
    "Redis kill -9",
    done="Redis is killed with SIGKILL in mid-run and started again after a second, twice: with its append-only file, "
    "and without any, so that it is empty.",
    holds="Publishing goes on from PostgreSQL; nothing that was sent is sent again; the sweeper rebuilds the cache.",
    variants=_variants("with AOF", "without AOF", quick=2),
)
def kill(run: Run) -> None:
    redis, path = run.services.redis, _configuration(run)
    text = path.read_text()
    try:
        if run.variant == "without AOF":
            path.write_text(text.replace("appendonly yes", "appendonly no"))
            redis.config_set("appendonly", "no")
            shutil.rmtree(path.parent / "appendonlydir", ignore_errors=True)
        run.load(PEOPLE, seconds=5)
        for share in (0.1, 0.5):
            run.wait_until_accepted(share)
            before = redis.info("server")["run_id"]
            run.services.valkey.kill()
            run.services.kills += 1
            run.pause(1)
            run.services.valkey.restart()
            run.prove(redis.info("server")["run_id"] != before, "it is the same server")
            kept = redis.dbsize()
            run.prove((kept > 0) == (run.variant == "with AOF"), f"it came back with {kept} keys")
    finally:
        path.write_text(text)
        run.services.valkey.restart()


@fault(
    12,
    "Redis rolled back to an old dump",
    done="What Redis held when all were staged is kept; when some are sent it is put back, by a restart from the "
    "old files, or in place under the same run id.",
    holds="What is COMPLETED is not sent again, though Redis says that it is STAGED; the sweeper mends the cache.",
    variants=_variants("restart", "in place", quick=1),
)
def roll_back(run: Run) -> None:
    run.may_leave = run.variant == "in place"  # what it has never heard of in that life is the sweeper's to find
    working = run.crew.labels
    run.crew.dismiss("producer")
    run.load(PEOPLE, seconds=3)
    run.wait_for(lambda: run.states().get("STAGED", 0) >= PEOPLE, "all are staged")
    restart = run.variant == "restart"
    copy = _copy_of_files(run) if restart else _copy_of_keys(run)
    run.lines["http"].weather.delay, run.lines["smtp"].weather.delay = 0.1, 0.03  # so that some are not yet all
    run.crew.employ(working)
    run.wait_until_accepted(0.4)
    (_restart_from if restart else _put_back)(run, copy)
    _prove_old(run)
    run.wait_until_accepted(0.9)
    run.must(lambda verdict: verdict.duplicates == 0, "what had been sent was sent again")


def _copy_of_files(run: Run) -> Path:
    held = run.services.directory / "valkey"
    copy = held.with_name("valkey-before")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(held / "appendonlydir", copy)
    return copy


def _restart_from(run: Run, copy: Path) -> None:
    held = run.services.directory / "valkey"
    run.services.valkey.kill()
    run.services.kills += 1
    shutil.rmtree(held / "appendonlydir")
    shutil.copytree(copy, held / "appendonlydir")
    run.services.valkey.restart()


def _copy_of_keys(run: Run) -> dict[bytes, bytes]:
    with _raw(run) as raw:
        return {key: dump for key in raw.keys("healthnotify:*") if (dump := raw.dump(key)) is not None}


def _put_back(run: Run, copy: dict[bytes, bytes]) -> None:
    with _raw(run) as raw, raw.pipeline(transaction=True) as all_at_once:
        all_at_once.flushall()
        for key, dump in copy.items():
            all_at_once.restore(key, 0, dump)
        all_at_once.execute()


def _raw(run: Run) -> Any:
    """Dumps are bytes, which the harness's usual client would decode."""
    return Redis.from_url(run.services.valkey.url)


def _prove_old(run: Run) -> None:
    ended = [row.id for row in run.ledger.rows(list(run.loads.asked)) if row.state == "COMPLETED"]
    states = [run.services.redis.hget(f"healthnotify:entry:{key}", "state") for key in ended]
    old = sum(state == "STAGED" for state in states)
    run.notes.append(f"of {len(ended)} that were COMPLETED the old Redis said of {old} that they were STAGED")
    run.prove(old or not run.services.redis.get("healthnotify:warm"), "it does not look old")


@fault(
    13,
    "Redis out of memory, noeviction",
    done="Redis may hold less than it does for five seconds, and refuses whatever would make it grow.",
    holds="Publishing goes on; what could not be cached is found by the sweeper.",
)
def out_of_memory(run: Run) -> None:
    run.may_leave = True  # what was staged meanwhile is in PostgreSQL alone, and the cache does not know that it lacks
    redis = run.services.redis
    redis.config_resetstat()
    run.load(PEOPLE, seconds=5)
    run.pause(0.3)
    redis.config_set("maxmemory", FULL)
    run.pause(5)
    refused = redis.info("errorstats").get("errorstat_OOM", {}).get("count", 0)
    redis.config_set("maxmemory", "0")
    run.notes.append(f"{refused} calls were refused")
    run.prove(refused, "nothing was refused")


@fault(
    14,
    "Redis slow, then a black hole",
    done="Each answer of Redis takes 0.6 s for four seconds; then whatever is said to it vanishes, for six seconds, "
    "with all connections open.",
    holds="Everybody stops waiting in time and goes on with PostgreSQL; nothing is sent twice.",
)
def slow_then_gone(run: Run) -> None:
    run.may_leave = True  # as with 13
    line = run.lines["redis"]
    line.weather.delay = 0.3
    run.load(PEOPLE, seconds=5)
    run.pause(4)
    run.prove(line.spoiled, "nothing was slow")
    line.weather.lose_up = line.weather.lose_down = True
    before = line.spoiled
    run.load(PEOPLE // 3, seconds=2)
    run.pause(6)
    run.prove(line.spoiled > before, "nothing vanished")


@fault(
    15,
    "SCRIPT FLUSH, CLIENT KILL",
    done=f"All scripts are forgotten and all connections are ended, {ROUNDS} times, five times a second.",
    holds="Nobody notices.",
)
def forget(run: Run) -> None:
    redis = run.services.redis
    redis.config_resetstat()
    run.may_leave = True  # a call that was cut off may not have been made
    run.load(PEOPLE, seconds=4)
    killed = 0
    for _ in range(ROUNDS):
        run.pause(0.2)
        redis.script_flush()
        killed += int(redis.execute_command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "yes"))
    unknown = redis.info("errorstats").get("errorstat_NOSCRIPT", {}).get("count", 0)
    run.notes.append(f"{killed} connections were ended, {unknown} scripts were not known")
    run.prove(killed >= ROUNDS and unknown >= ROUNDS, f"{killed} connections, {unknown} scripts")
