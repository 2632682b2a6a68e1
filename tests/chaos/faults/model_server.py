"""A language model that writes nonsense, refuses, limits, fails, or does not answer: no notification waits for it."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from healthnotify.embedded.model_server import Faults
from healthnotify.embedded.process import Process, answers, free_port
from tests.chaos.faults import fault
from tests.chaos.judge import Verdict
from tests.chaos.model import REFUSED
from tests.chaos.run import Run

PEOPLE: Final = 80
EARLY: Final = 5.0  # seconds before the first is due: there is time for the model
#: What is accepted later than this after its time has waited for somebody.
LATE: Final = timedelta(seconds=8)
ALL: Final = "every kind"


def _kinds(_dice: Random, quick: bool) -> tuple[str, ...]:
    return (ALL,) if quick else (ALL, "large", "prose", "other_language")


@fault(
    32,
    "LLM: bad JSON, truncated, empty, 100 kB, wrong language, control characters, refusal",
    done="Each answer of the model is of one bad kind, or all kinds come in turn: broken or cut JSON, nothing, 100 kB, "
    "another language, control characters, a refusal, a filter's answer, a link, prose, HTML, a tool call, another "
    "schema, unknown placeholders, no object, no strings.",
    holds="A reviewed template takes its place, in time; nothing that a guardrail refuses is sent. (The language of a "
    "text is not judged: nothing in it tells that it is wrong.)",
    sweeper=(True,),
    variants=_kinds,
)
def nonsense(run: Run) -> None:
    kinds = REFUSED if run.variant == ALL else (run.variant,)
    with _model(run, Faults(bad=1.0, kinds=kinds, seconds=0.02)) as log:
        run.load(PEOPLE, seconds=2, lead=EARLY)
        run.wait_until_accepted(0.95)
        asked = Counter(one["answer"] for one in _lines(log))
    run.prove(sum(asked[kind] for kind in kinds) >= PEOPLE / 2, f"the model was asked {sum(asked.values())} times")
    templates = _why(run)
    run.notes.append(f"why a template: {dict(templates.most_common())}")
    run.checks.append(lambda verdict: _in_time(run, verdict))
    if not set(kinds) - set(REFUSED):
        run.checks.append(lambda verdict: _only_templates(run, verdict))


def _troubles(_dice: Random, quick: bool) -> tuple[str, ...]:
    return ("hang",) if quick else ("429", "500", "hang", "reset", "black hole")


@fault(
    33,
    "LLM 429, 500, hang, reset",
    done="Each request to the model gets 429, 500, no answer, or a connection that is reset; or all of it vanishes.",
    holds="Templates take over, in time: no notification waits for the model.",
    sweeper=(True,),
    variants=_troubles,
)
def trouble(run: Run) -> None:
    line = run.lines["model"]
    troubles = {
        "429": Faults(limited=1.0, retry_after="3600", seconds=0.02),
        "500": Faults(errors=1.0, seconds=0.02),
        "hang": Faults(slow=1.0, slow_seconds=60.0),
    }
    with _model(run, troubles.get(run.variant, Faults(seconds=0.02))) as log:
        before = line.spoiled
        if run.variant == "reset":
            line.weather.refuse = True
            line.reset()
        if run.variant == "black hole":
            line.weather.lose_up = line.weather.lose_down = True
        run.load(PEOPLE, seconds=3, lead=EARLY)
        run.wait_until_accepted(0.95)
        effect = len(_lines(log)) if run.variant in troubles else line.spoiled - before
        run.prove(effect, "the model was not asked")
        run.notes.append(f"{effect} requests met it; why a template: {dict(_why(run).most_common())}")
    run.checks.append(lambda verdict: _in_time(run, verdict))
    run.checks.append(lambda verdict: _only_templates(run, verdict))


@contextmanager
def _model(run: Run, faults: Faults) -> Iterator[Path]:
    """Another model at the end of the line; answers where its log is."""
    port, line = free_port(), run.lines["model"]
    log = run.services.directory / "model" / f"requests-{port}.jsonl"
    command = [sys.executable, "-m", "healthnotify.embedded.model_server", f"--port={port}", f"--log={log}"]
    for field in fields(faults):
        given = getattr(faults, field.name)
        value = ",".join(given) if isinstance(given, tuple) else given
        command.append(f"--{field.name.replace('_', '-')}={value}")
    path = str(Path(__file__).resolve().parents[3])
    process = Process(
        "the bad model", command, log=log.with_suffix(".log"), environment={**os.environ, "PYTHONPATH": path}
    )
    before = line.target
    try:
        process.wait_until(lambda: answers(port), seconds=20)
        line.target = port
        line.reset()
        run.crew.restart("builder")  # what it was told before, as to wait for two minutes, is not of this run
        yield log
    finally:
        line.target = before
        line.reset()
        run.crew.restart("builder")
        process.stop()


def _lines(log: Path) -> list[dict[str, Any]]:
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _provenances(run: Run) -> dict[str, dict[str, Any]]:
    asked = "SELECT id::text, provenance FROM notifications WHERE user_id = ANY(%s) AND provenance IS NOT NULL"
    return dict(run.ledger.ask(asked, list(run.loads.asked)))


def _why(run: Run) -> Counter[str]:
    return Counter(one.get("why_template") or one["source"] for one in _provenances(run).values())


def _only_templates(run: Run, verdict: Verdict) -> None:
    """Of those that were due while it was bad: the ten of afterwards have their own words again."""
    found = list(_provenances(run).values())
    own = [one for one in found if not one.get("why_template")]
    if len(own) > run.after:
        verdict.broken("guardrails", f"{len(own)} texts are the model's own, such as {own[0]}")


def _in_time(run: Run, verdict: Verdict) -> None:
    first = {one.id: one.at for one in reversed(run.requests()) if one.accepted}
    late = [row.id for row in run.ledger.rows(list(run.loads.asked)) if row.id in first]
    due = {row.id: row.send_at for row in run.ledger.rows(list(run.loads.asked))}
    waits = {key: first[key] - due[key] for key in late}
    run.notes.append(f"the latest was {max(waits.values()).total_seconds():.1f} s after its time")
    for key, wait in waits.items():
        if wait > LATE:
            verdict.broken("in time", f"{key} went out {wait.total_seconds():.1f} s after its time")
