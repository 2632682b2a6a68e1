"""What was found, as a table, a section for each fault, and JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.chaos.faults import Fault
from tests.chaos.run import Result

COLUMNS: Final = (
    "fault",
    "sweeper",
    "tries",
    "kills",
    "planned",
    "accepted",
    "lost",
    "duplicates",
    "beyond promise",
    "late",
    "left to the sweeper",
    "time to recover",
)


@dataclass
class Findings:
    """All runs so far, and those that say nothing."""

    results: list[Result] = field(default_factory=list)
    disturbed: list[tuple[int, str]] = field(default_factory=list)  #: by fault

    @property
    def holds(self) -> bool:
        """Whether each promise was kept, and each run says something."""
        return not self.disturbed and all(result.verdict.holds for result in self.results)

    @property
    def line(self) -> str:
        """The last line. A disturbed run reports no zeros."""
        if self.disturbed:
            return f"chaos: disturbed={len(self.disturbed)} (nothing is claimed)"
        verdicts = [result.verdict for result in self.results]
        return (
            f"chaos: faults={len({result.fault for result in self.results})} "
            f"kills={sum(result.kills for result in self.results)} "
            f"notifications={sum(verdict.planned for verdict in verdicts)} "
            f"lost={sum(len(verdict.lost) for verdict in verdicts)} "
            f"duplicates={sum(verdict.duplicates for verdict in verdicts)} "
            f"beyond_promise={sum(len(verdict.beyond) for verdict in verdicts)}"
        )


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """One row of the table: the runs of one fault with the sweeper on, or off."""
    verdicts = [result.verdict for result in results]
    breaches: dict[str, list[str]] = {}
    for verdict in verdicts:
        for name, texts in verdict.violations.items():
            breaches.setdefault(name, []).extend(texts)
    ended: dict[str, int] = {}
    for verdict in verdicts:
        for name, count in verdict.ended.items():
            ended[name] = ended.get(name, 0) + count
    return {
        "fault": results[0].fault,
        "sweeper": "on" if results[0].sweeper else "off",
        "tries": len(results),
        "kills": sum(result.kills for result in results),
        "planned": sum(verdict.planned for verdict in verdicts),
        "accepted": sum(verdict.accepted for verdict in verdicts),
        "lost": [text for verdict in verdicts for text in verdict.lost],
        "duplicates": sum(verdict.duplicates for verdict in verdicts),
        "beyond promise": [text for verdict in verdicts for text in verdict.beyond],
        "late": [text for verdict in verdicts for text in verdict.late],
        "left to the sweeper": sum(len(result.left_to_sweeper) for result in results),
        "time to recover": round(median(result.recover for result in results), 1),
        "longest to recover": round(max(result.recover for result in results), 1),
        "ended": dict(sorted(ended.items())),
        "violations": breaches,
        "variants": sorted({result.variant for result in results if result.variant}),
        "notes": [note for result in results for note in result.notes],
        "ended by themselves": [text for result in results for text in result.deaths_by_themselves],
    }


def rows(results: Iterable[Result]) -> list[dict[str, Any]]:
    """A summary for each fault and sweeper."""
    grouped: dict[tuple[int, bool], list[Result]] = {}
    for result in results:
        grouped.setdefault((result.fault, result.sweeper), []).append(result)
    return [summary(some) for _, some in sorted(grouped.items(), key=lambda item: (item[0][0], not item[0][1]))]


def write(findings: Findings, faults: Mapping[int, Fault], folder: Path, seed: int, *, partly: bool = False) -> None:
    """`results.json` and `results.md`. What is known of faults that did not run this time stays as it was. `partly`:
    of those that ran, only some variants did, which are added to the others and take the place of disturbed runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    before = json.loads(path.read_text()) if path.exists() else {"rows": [], "disturbed": {}}
    kept = before["rows"]
    new = rows(findings.results)
    if partly:
        old = {(row["fault"], row["sweeper"]): row for row in kept}
        new = [_both(old[key], row) if (key := (row["fault"], row["sweeper"])) in old else row for row in new]
    keys = {(row["fault"], row["sweeper"]) for row in new}
    table = [row for row in kept if (row["fault"], row["sweeper"]) not in keys and row["fault"] in faults] + new
    table.sort(key=lambda row: (row["fault"], row["sweeper"] == "off"))
    ran = {result.fault for result in findings.results} | {number for number, _ in findings.disturbed}
    again = tuple(f"[{result.variant}], sweeper {'on' if result.sweeper else 'off'}: " for result in findings.results)
    disturbed = {
        key: left
        for key, texts in before["disturbed"].items()
        if (
            left := (
                [one for one in texts if partly and not any(run in one for run in again)] if int(key) in ran else texts
            )
        )
    }
    for number, text in findings.disturbed:
        disturbed.setdefault(str(number), []).append(text)
    stored = {"seed": seed, "rows": table, "disturbed": disturbed}
    path.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
    (folder / "results.md").write_text(_page(table, [one for its in disturbed.values() for one in its], faults, seed))


def _both(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The runs of both; the median of the time to recover is that of the earlier ones, which are many more."""
    sums = ("tries", "kills", "planned", "accepted", "duplicates", "left to the sweeper")
    lists = ("lost", "beyond promise", "late", "notes", "ended by themselves")
    names = ("ended", "violations")
    return {
        **before,
        **{name: before[name] + more[name] for name in (*sums, *lists)},
        **{
            name: {key: before[name].get(key, type(value)()) + value for key, value in more[name].items()}
            | {key: value for key, value in before[name].items() if key not in more[name]}
            for name in names
        },
        "longest to recover": max(before["longest to recover"], more["longest to recover"]),
        "variants": sorted({*before["variants"], *more["variants"]}),
    }


def _page(table: Sequence[Mapping[str, Any]], disturbed: Sequence[str], faults: Mapping[int, Fault], seed: int) -> str:
    lines = [
        "# What chaos found",
        "",
        "Made by `make chaos`; do not edit. Real PostgreSQL, Valkey and three Kafka brokers, real workers in processes",
        "of their own, and a provider whose log is the only judge of what was accepted.",
        f"Seed {seed}; `make chaos FAULT=27 SEED={seed}` repeats one.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
    ]
    lines += ["| " + " | ".join(_cell(row, column, faults) for column in COLUMNS) + " |" for row in table]
    lines += ["", *([] if disturbed else power(table)), ""]
    if disturbed:
        lines += ["## Disturbed", "", *(f"- {text}" for text in disturbed), ""]
    for number in sorted({row["fault"] for row in table}):
        lines += _section(faults[number], [row for row in table if row["fault"] == number])
    return "\n".join([*lines, f"`{_total(table, disturbed)}`", ""])


def power(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a zero is worth: 0 of n means that the true share is below 3/n at 95 %."""
    planned = sum(row["planned"] for row in table)
    kills = sum(row["kills"] for row in table)
    said = []
    for name, total in (("lost", planned), ("beyond promise", planned)):
        count = sum(len(row[name]) for row in table)
        if count == 0 and total:
            said.append(f"{name}: 0 of {total} notifications, so below {3 / total:.1e} of them at 95 %.")
    if kills and not any(row["lost"] or row["beyond promise"] for row in table):
        said.append(f"0 of {kills} kills broke a promise, so below {3 / kills:.1e} of them at 95 %.")
    return said


def _cell(row: Mapping[str, Any], column: str, faults: Mapping[int, Fault]) -> str:
    found = row[column]
    if column == "fault":
        return f"{found} {faults[found].name}"
    if column == "time to recover":
        return f"{found} s (longest {row['longest to recover']} s)"
    return str(len(found) if isinstance(found, list) else found)


def _section(fault: Fault, its: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"## {fault.number} {fault.name}", "", f"**Done:** {fault.done}", "", f"**Must hold:** {fault.holds}", ""]
    for row in its:
        lines.append(
            f"- sweeper {row['sweeper']}: {row['tries']} tries, {row['kills']} kills; ended as "
            + ", ".join(f"{count} {name}" for name, count in row["ended"].items())
        )
        lines += [f"  - **lost** {text}" for text in row["lost"]]
        lines += [f"  - **beyond the promise** {text}" for text in row["beyond promise"]]
        lines += [f"  - **{name}** {text}" for name, texts in row["violations"].items() for text in texts]
        lines += [f"  - late {text}" for text in row["late"]]
        lines += [f"  - {text}" for text in dict.fromkeys(row["notes"])]
        lines += [f"  - {text}" for text in dict.fromkeys(row["ended by themselves"])]
    variants = sorted({variant for row in its for variant in row["variants"]})
    if variants:
        lines += ["", "Variants: " + ", ".join(f"`{variant}`" for variant in variants)]
    return [*lines, ""]


def _total(table: Sequence[Mapping[str, Any]], disturbed: Sequence[str]) -> str:
    if disturbed:
        return f"chaos: disturbed={len(disturbed)} (nothing is claimed)"
    return (
        f"chaos: faults={len({row['fault'] for row in table})} kills={sum(row['kills'] for row in table)} "
        f"notifications={sum(row['planned'] for row in table)} lost={sum(len(row['lost']) for row in table)} "
        f"duplicates={sum(row['duplicates'] for row in table)} "
        f"beyond_promise={sum(len(row['beyond promise']) for row in table)}"
    )
