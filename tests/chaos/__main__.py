"""`python -m tests.chaos [--fault 27] [--seed 5] [--quick] [--list] [--out docs/chaos]`."""

import argparse
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.chaos.faults import QUICK, Fault, every_fault
from tests.chaos.steps import every_step

if TYPE_CHECKING:
    from tests.chaos.report import Findings
    from tests.chaos.run import Run


def main() -> int:
    """Run the faults; 0 when every promise was kept and no run was disturbed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Faults on real services.")
    parser.add_argument("--fault", type=int, action="append", help="only this one; may be given more than once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="the slice for CI, under 4 minutes")
    parser.add_argument("--list", action="store_true", help="name all faults and crash points")
    parser.add_argument("--sweeper", choices=("on", "off"), help="only so")
    parser.add_argument("--variant", help="only the variants that contain this")
    parser.add_argument("--out", type=Path, help="where to write results.md and results.json")
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    return _list() if given.list else _run(given)


def _list() -> int:
    import django

    django.setup()
    for one in every_fault():
        sweeper = " and ".join("on" if on else "off" for on in one.sweeper)
        _tell(f"{one.number:3} {one.name} (sweeper {sweeper}{', quick' if one.number in QUICK else ''}): {one.done}")
    _tell("\nCrash points, each also as before_…:")
    for step in every_step():
        _tell(f"    {step}")
    return 0


def _run(given: argparse.Namespace) -> int:
    from tests.chaos import stage  # the services come first: Django's settings are read once, and name them

    with stage.standing(given.seed, _tell, keep=given.keep) as (services, crew):
        from tests.chaos.leaks import leaks
        from tests.chaos.report import Findings, write
        from tests.chaos.run import Run

        findings = Findings()
        faults = every_fault()
        for one, on, place, variant in _chosen(faults, given):
            dice = Random(f"{given.seed}/{one.number}/{on}/{place}")
            _play(Run(one, variant, sweeper=on, services=services, crew=crew, dice=dice), findings)
            if given.out and not given.variant:  # also now: a run of an hour may be interrupted
                write(findings, {one.number: one for one in faults}, given.out, given.seed, partly=bool(given.variant))
        for text in leaks(services) if findings.results else []:
            findings.results[-1].verdict.broken("I10", text)
            _tell(f"BROKEN I10: {text}")
        if not findings.results:
            findings.disturbed.append((0, "nothing was run; --list names the faults"))
        if given.out:
            write(findings, {one.number: one for one in faults}, given.out, given.seed, partly=bool(given.variant))
        for _, text in findings.disturbed:
            _tell(f"DISTURBED {text}")
        _tell(findings.line)
        return 0 if findings.holds else 1


def _play(run: "Run", findings: "Findings") -> None:
    """One run, and what came of it."""
    from tests.chaos.run import Disturbed, LeftOut
    from tests.chaos.stage import tell_result

    variant = "" if run.variant is None else f" [{run.variant}]"
    title = f"{run.fault.number} {run.fault.name}{variant}, sweeper {'on' if run.sweeper else 'off'}"
    try:
        result = run.play()
    except LeftOut:
        return
    except Exception as problem:  # one run that went wrong must not cost the others
        findings.disturbed.append((run.fault.number, f"{title}: {problem!r}"))
        _tell(f"DISTURBED {title}: {problem!r}")
        if not isinstance(problem, Disturbed | TimeoutError):
            traceback.print_exc()
        return
    findings.results.append(result)
    tell_result(title, result, _tell)


def _chosen(faults: Sequence[Fault], given: argparse.Namespace) -> Iterator[tuple[Fault, bool, int, Any]]:
    """Each run that was asked for: fault, sweeper, place among the variants, variant."""
    for one in faults:
        if (given.fault and one.number not in given.fault) or (given.quick and one.number not in QUICK):
            continue
        for on in one.sweeper:
            if (given.sweeper and (given.sweeper == "on") is not on) or (given.quick and QUICK[one.number] is not on):
                continue
            for place, variant in enumerate(one.variants(Random(f"{given.seed}/{one.number}"), given.quick)):
                if not given.variant or given.variant in str(variant):
                    yield one, on, place, variant


def _tell(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n" if not text.startswith("chaos:") else f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
