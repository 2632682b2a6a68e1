"""`python -m tests.chaos.protections [--out docs/chaos/protections.md]`: each line that only faults need, taken away.

For each a copy of the program is broken in one place, and the tests that are named must fail; a test that cannot be
run, or a place that is not there any more, is an error and no success. What it finds is written as a table.
"""

# ruff: noqa: T201 - a program that tells how far it is

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.environment import ROOT

KEPT = ("healthnotify", "config", "tests", "manage.py", "pyproject.toml")
FAILED = 1  # pytest's exit code when tests ran and some failed
TWINS = ("tests/unit/test_deliver.py", "tests/unit/test_guards.py", "tests/model/test_findings.py")
VERBS = ("tests/unit/test_verbs.py", *TWINS)
STORE = (
    "tests/contract/test_store_delivery.py",
    "tests/contract/test_store_takeovers.py",
    "tests/contract/test_store.py",
)


@dataclass(frozen=True)
class Protection:
    """What a line protects from, and how to take it away."""

    protects: str
    path: str
    line: str
    without: str
    tests: Sequence[str]


PROTECTIONS = (
    Protection(
        "A claim that somebody else holds is parked, not skipped: its holder may die.",
        "healthnotify/pipeline/deliver/taking.py",
        "taken.parked.append(replace(arrival, not_before=claim.lease_until or now))",
        "taken.finished.append(arrival.record)",
        TWINS,
    ),
    Protection(
        "An id that nobody knows is a dead letter, never a shrug.",
        "healthnotify/pipeline/deliver/taking.py",
        "missing.append((envelope, arrival))",
        "taken.finished.append(arrival.record)",
        TWINS,
    ),
    Protection(
        "A text that may have been sent is not sent again.",
        "healthnotify/domain/routing.py",
        "if claim.answer is Answer.AMBIGUOUS and PROMISES[envelope.channel] is Promise.AT_MOST_ONCE:",
        "if False:",
        TWINS,
    ),
    Protection(
        "What has ended its sender five times is not sent once more.",
        "healthnotify/domain/routing.py",
        "if claim.takeovers >= MOST_TAKEOVERS:",
        "if False:",
        ("tests/unit/test_routing.py",),
    ),
    Protection(
        "A send that could outlast its lease does not begin.",
        "healthnotify/pipeline/deliver/sending.py",
        "if now + delivering.send_timeout > lease_until:",
        "if False:",
        TWINS,
    ),
    Protection(
        "The expiry is looked at again right before the send.",
        "healthnotify/pipeline/deliver/sending.py",
        "if now >= envelope.expires_at:",
        "if False:",
        TWINS,
    ),
    Protection(
        "A record whose claim was lost is asked for again, not finished.",
        "healthnotify/pipeline/deliver/settling.py",
        "settled.again +=",
        "settled.finished +=",
        TWINS,
    ),
    Protection(
        "A failure that Kafka did not confirm stays to be settled.",
        "healthnotify/pipeline/deliver/settling.py",
        "settled.left += [turn[key] for key in reported.keys() - returned.announced]",
        "settled.finished += [turn[key].held.record for key in reported.keys() - returned.announced]",
        TWINS,
    ),
    Protection(
        "The cache hears of a success before anything else may raise.",
        "healthnotify/pipeline/deliver/settling.py",
        "caching.follow(staging, settled.steps)  #",
        "pass  #",
        TWINS,
    ),
    Protection(
        "Without the cache the verbs go on.",
        "healthnotify/pipeline/caching.py",
        "        staging.follow(steps)\n    except Unavailable:\n        return",
        "        staging.follow(steps)\n    except ZeroDivisionError:\n        return",
        VERBS,
    ),
    Protection(
        "The cache is told what became of those that would not move: else they come up again and again.",
        "healthnotify/pipeline/publish.py",
        "caching.follow(staging, steps + _missed(acted_on, steps, store))",
        "caching.follow(staging, steps)",
        ("tests/unit/test_verbs.py", "tests/unit/test_ad_hoc.py"),
    ),
    Protection(
        "FAILED only after the dead letter is confirmed.",
        "healthnotify/pipeline/retry.py",
        "for a in announced]",
        "for a in [type('A', (), {'envelope': one.envelope}) for one, _ in given_up.values()]]",
        VERBS,
    ),
    Protection(
        "The sweeper leaves alone what is merely queued.",
        "healthnotify/pipeline/sweep.py",
        "if one.position is None or one.position in passed]",
        "]",
        VERBS,
    ),
    Protection(
        "The sweeper records what it announced before it announces more.",
        "healthnotify/pipeline/sweep.py",
        "return store.swept(road.announce(Topic.RETRY, envelopes), now) if envelopes else []",
        "return [] if envelopes and not road.announce(Topic.RETRY, envelopes) else []",
        VERBS,
    ),
    Protection(
        "Offsets are committed up to the lowest unfinished one.",
        "healthnotify/adapters/offsets.py",
        "return self.order[0] if self.order else self.next",
        "return self.next",
        ("tests/unit/test_offsets.py",),
    ),
    Protection(
        "A completion of an earlier assignment finishes nothing.",
        "healthnotify/adapters/offsets.py",
        "here.out.get(offset) is delivery:\n            del",
        "offset in here.out:\n            del",
        ("tests/unit/test_offsets.py",),
    ),
    Protection(
        "Exactly one probe goes when a breaker is half open.",
        "healthnotify/adapters/memory/breakers.py",
        "if now < found.probe_until:",
        "if False:",
        ("tests/unit/test_guards.py", "tests/contract/test_breakers.py"),
    ),
    Protection(
        "While dead letters pour nothing is consumed.",
        "healthnotify/workers/floodgate.py",
        "return 0 if self._why else min(",
        "return min(",
        ("tests/integration/test_floodgate.py",),
    ),
    Protection(
        "A record over which three processes have died is buried unread.",
        "healthnotify/adapters/suspects.py",
        "if deaths >= MOST_DEATHS:",
        "if False:",
        ("tests/contract/test_suspects.py",),
    ),
    Protection(
        "What was taken when PostgreSQL went away in mid-turn is kept.",
        "healthnotify/workers/taking.py",
        "self._to_settle += known",
        "self._to_settle = list(known)",
        ("tests/model/test_findings.py", "tests/integration/test_lanes_at_work.py"),
    ),
    Protection(
        "An outcome counts for the holder of the claim only.",
        "healthnotify/apps/notifications/store/delivery.py",
        " AND n.claim_id = a.claim_id AND n.state = 'PENDING'\n    RETURNING n.id\n",
        " AND n.state = 'PENDING'\n    RETURNING n.id\n",
        STORE,
    ),
    Protection(
        "A takeover stays in doubt however often it is asked for.",
        "healthnotify/apps/notifications/store/claiming.py",
        "return Answer.AMBIGUOUS if row.takeovers else Answer.CLAIMED",
        "return Answer.CLAIMED",
        STORE,
    ),
    Protection(
        "What has ended two senders is claimed alone, or not at all.",
        "healthnotify/apps/notifications/store/claiming.py",
        "AND h.is_suspect IS NOT TRUE",
        "",
        STORE,
    ),
    Protection(
        "A lease that has not ended is not taken over.",
        "healthnotify/apps/notifications/store/claiming.py",
        "(n.lease_until <= %(at)s OR n.claim_id = a.claim_id)",
        "true",
        STORE,
    ),
    Protection(
        "What a faster consumer has moved is not moved again by the producer.",
        "healthnotify/apps/notifications/store/road.py",
        "AND n.attempt + 1 = a.attempt AND n.state = %(before)s",
        "AND n.state <> 'COMPLETED'",
        STORE,
    ),
    Protection(
        "The ceiling of a channel and minute holds whatever the rest believes.",
        "healthnotify/apps/notifications/ceilings.py",
        "- began <= most) IS NOT TRUE THEN",
        "- began <= 2000000000) IS NOT TRUE THEN",
        ("tests/integration/test_ceilings.py",),
    ),
    Protection(
        "A cache of another run of Redis is cold.",
        "healthnotify/adapters/staging/scripts.py",
        "return redis.call('GET', marker) == run_id()",
        "return redis.call('EXISTS', marker) == 1",
        ("tests/contract/test_staging_on_valkey.py",),
    ),
)


@dataclass(frozen=True)
class Killed:
    """A protection whose absence was noticed, by that test."""

    protection: Protection
    number: int  #: of its line
    test: str


class Unnoticed(Exception):
    """Without the protection every test passed, or none could be run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when one is not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.protections", description=__doc__)
    parser.add_argument("--out", type=Path, help="where to write the table")
    out = parser.parse_args(arguments).out
    with tempfile.TemporaryDirectory(prefix="healthnotify-") as folder:
        tree = _copy(Path(folder))
        killed, missed = [], []
        whole, said = _run(tree, sorted({test for one in PROTECTIONS for test in one.tests}))
        if whole != 0:
            print(f"{said}\nThe tests do not pass as it is, so they can tell nothing.")
            return 1
        for one in PROTECTIONS:
            try:
                killed.append(take_away(one, tree))
                print(f"noticed  {one.protects}")
            except Unnoticed as problem:
                missed.append(one)
                print(f"MISSED   {one.protects} {problem}")
    if out and not missed:
        out.write_text(table(killed), encoding="utf-8")
    print(f"protections: {len(PROTECTIONS)} taken away, {len(killed)} noticed, {len(missed)} missed")
    return 1 if missed else 0


def take_away(one: Protection, tree: Path) -> Killed:
    """Break it, run its tests, put it back. Raises `Unnoticed`."""
    path = tree / one.path
    whole = path.read_text(encoding="utf-8")
    if whole.count(one.line) != 1:
        raise Unnoticed(f"({one.path} holds its line {whole.count(one.line)} times)")
    path.write_text(whole.replace(one.line, one.without), encoding="utf-8")
    try:
        code, said = _run(tree, one.tests)
    finally:
        path.write_text(whole, encoding="utf-8")
    failed = re.search(r"^FAILED (\S+)", said, re.MULTILINE)
    if code != FAILED or failed is None:
        raise Unnoticed(f"(pytest ended with {code}: {said.strip().splitlines()[-1:]})")
    return Killed(one, whole[: whole.index(one.line)].count("\n") + 1, failed[1])


def table(killed: Iterable[Killed]) -> str:
    """As Markdown."""
    rows = "".join(
        f"| {one.protection.protects} | `{one.protection.path}:{one.number}` | `{one.test.rpartition('/')[2]}` |\n"
        for one in killed
    )
    return (
        "# Protections, each seen to work\n\nMade by `python -m tests.chaos.protections`; do not edit. Each of these "
        "lines only matters under faults.\nIt was taken away, and a test failed.\n\n"
        f"| protects | line | noticed by |\n|---|---|---|\n{rows}"
    )


def _copy(folder: Path) -> Path:
    for name in KEPT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    folder.chmod(0o755)
    return folder


def _run(tree: Path, tests: Sequence[str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", *tests]
    surroundings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tree, env=surroundings, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(main())
