"""How the guardrails do on the labelled corpus: python -m tests.redteam [--tuned] [--missed] [--false-alarms]"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable

from healthnotify.domain.guardrails import Verdict, version
from tests.redteam.corpus import Labelled, held_out, tuned_on


def main() -> int:
    """Print recall and precision, by rule, language and kind."""
    parser = argparse.ArgumentParser(prog="make redteam", description=__doc__)
    parser.add_argument(
        "--tuned", action="store_true", help="on what the rules were written from, not on what was held out"
    )
    parser.add_argument("--missed", action="store_true", help="print the bad ones that pass")
    parser.add_argument("--false-alarms", action="store_true", help="print the allowed ones that are blocked")
    asked = parser.parse_args()
    judged = [(one, one.verdict()) for one in (tuned_on() if asked.tuned else held_out())]
    if asked.missed:
        _print((one, verdict) for one, verdict in judged if one.is_bad and verdict.allowed)
    if asked.false_alarms:
        _print((one, verdict) for one, verdict in judged if not one.is_bad and not verdict.allowed)
    _tell(judged)
    return 0


def _print(some: Iterable[tuple[Labelled, Verdict]]) -> None:
    for one, verdict in some:
        print(f"{one.id} [{one.label}/{one.kind}] {','.join(verdict.reasons)} {one.facts or ''}")
        print(f"    {one.draft.subject} | {one.draft.text}")


def _tell(judged: list[tuple[Labelled, Verdict]]) -> None:
    print(f"guardrails {version()}: {len(judged)} texts")
    print("\nrule                    blocked   of  recall")
    rules: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for one, verdict in judged:
        if one.is_bad:
            rules[one.label][not verdict.allowed] += 1
    for rule, counts in sorted(rules.items()):
        print(f"{rule:22} {counts[True]:8} {counts.total():4}  {counts[True] / counts.total():.2f}")
    print("\n                          recall  innocent words  precision  false alarms  near the border")
    for name in ["en", "de", "es", "fr", ""]:
        some = [(one, not verdict.allowed) for one, verdict in judged if one.locale.startswith(name)]
        print(f"{name or 'all':22} {_figures(some)}")


def _figures(some: list[tuple[Labelled, bool]]) -> str:
    bad = [blocked for one, blocked in some if one.is_bad]
    innocent = [blocked for one, blocked in some if one.kind == "innocent"]
    good = [blocked for one, blocked in some if not one.is_bad]
    near = [blocked for one, blocked in some if one.kind == "near"]
    precision = sum(bad) / max(1, sum(bad) + sum(good))
    return (
        f"{_share(bad):>9.3f} {_share(innocent):>15.3f} {precision:>10.3f} {_share(good):>13.3f} {_share(near):>16.3f}"
    )


def _share(some: list[bool]) -> float:
    return sum(some) / max(1, len(some))


if __name__ == "__main__":
    sys.exit(main())
