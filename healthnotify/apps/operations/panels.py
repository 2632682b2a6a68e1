"""The panels of the dashboard: from readings to the pieces of HTML that the page and the stream share."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.template.loader import render_to_string

from healthnotify.apps.operations.board import Outage, Reading
from healthnotify.apps.operations.charts import ENDS, chart, lateness
from healthnotify.apps.operations.processes import dependencies, figure, processes
from healthnotify.apps.operations.troubles import troubles

Readings = Mapping[str, Reading]
ROWS: Final = 8  #: of a table that could be long; the rest is summed up
BARS: Final = {"minute": 12, "hour": 60}
#: Who wrote a message, as `figures.WRITING` names them; every other reason is why a template took over.
AUTHORS: Final = ("model", "given", "template")


@dataclass(frozen=True, slots=True)
class Panel:
    """One piece of the page. Until all of its `sources` have said something it says that it waits."""

    title: str
    sources: tuple[str, ...]
    shape: Callable[[Readings, datetime], dict[str, Any]]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Fragment:
    """A panel, rendered; `at` is when its oldest figure was read."""

    name: str
    html: str
    at: datetime | None


def render(name: str, readings: Readings, now: datetime) -> Fragment:
    """One panel."""
    panel = PANELS[name]
    instants = [readings[source].at for source in panel.sources]
    is_ready = all(instants)
    context = panel.shape(readings, now) if is_ready else {}
    html = render_to_string(f"operations/panels/{name}.html" if is_ready else "operations/panels/waiting.html", context)
    return Fragment(name, html, min(filter(None, instants)) if is_ready else None)


def alarm(readings: Readings, outage: Outage | None, now: datetime) -> str:
    """What is wrong, above all panels."""
    found = troubles(readings, outage, now)
    return render_to_string(
        "operations/panels/alarm.html", {"troubles": found, "asked": bool(outage or _any(readings))}
    )


def _any(readings: Readings) -> bool:
    return any(reading.at for reading in readings.values())


def _now(readings: Readings, _now: datetime) -> dict[str, Any]:
    minute, hour = (chart(readings[name].document, BARS[name]).totals for name in ("minute", "hour"))
    return {"standing": readings["standing"].document, "ends": [(kind, minute[kind], hour[kind]) for kind in ENDS]}


def _flow(name: str) -> Callable[[Readings, datetime], dict[str, Any]]:
    def shape(readings: Readings, _now: datetime) -> dict[str, Any]:
        late = lateness(readings[f"lateness_{name}"].document)
        return {"name": name, "chart": chart(readings[name].document, BARS[name]), "late": late}

    return shape


def _by(key: str) -> Callable[[Readings, datetime], dict[str, Any]]:
    def shape(readings: Readings, _now: datetime) -> dict[str, Any]:
        counts: dict[str, Counter[str]] = {}
        for part in readings["open_by"].document:
            counts.setdefault(part[key], Counter())["open"] += part["number"]
        kinds = {event: kind for kind, event in ENDS.items()}
        for part in readings["hour"].document:
            counts.setdefault(part[key], Counter())[kinds[part["event"]]] += part["number"]
        ordered = sorted(counts.items(), key=lambda item: (-item[1].total(), item[0]))
        rows = [(name, [count[column] for column in ("open", *ENDS)]) for name, count in ordered]
        rest = rows[ROWS:]
        return {
            "rows": rows[:ROWS],
            "more": len(rest),
            "more_numbers": [sum(numbers) for numbers in zip(*(numbers for _, numbers in rest), strict=True)],
        }

    return shape


def _workers(readings: Readings, now: datetime) -> dict[str, Any]:
    return {"processes": processes(readings["workers"].document, now)}


def _road(readings: Readings, now: datetime) -> dict[str, Any]:
    known = processes(readings["workers"].document, now)
    return {
        "dependencies": dependencies(known),
        "lag": sorted(figure(known, "lag").items()),
        "due": sorted(figure(known, "due").items()),
    }


def _writing(readings: Readings, _now: datetime) -> dict[str, Any]:
    by_reason: Counter[str] = Counter()
    for part in readings["writing"].document:
        by_reason[part["reason"] or "model"] += part["number"]
    reasons = sorted(
        ((why, number) for why, number in by_reason.items() if why not in AUTHORS), key=lambda item: (-item[1], item[0])
    )
    model, instead = by_reason["model"], sum(number for _, number in reasons)
    calls = model + instead
    return {
        "model": model,
        "instead": instead,
        "share": f"{100 * instead / calls:.1f}" if calls else None,
        "given": by_reason["given"],
        "template": by_reason["template"],
        "reasons": reasons,
    }


def _failures(readings: Readings, _now: datetime) -> dict[str, Any]:
    return {"failures": readings["failures"].document}


PANELS: Final = {
    "now": Panel("Moving now", ("standing", "minute", "hour"), _now, wide=True),
    "minute": Panel("The last minute", ("minute", "lateness_minute"), _flow("minute")),
    "hour": Panel("The last hour", ("hour", "lateness_hour"), _flow("hour")),
    "workers": Panel("Workers", ("workers",), _workers, wide=True),
    "failures": Panel("Latest failures", ("failures",), _failures, wide=True),
    "road": Panel("Services and queues", ("workers",), _road),
    "writing": Panel("Writing, in the last hour", ("writing",), _writing),
    "channels": Panel("By channel", ("open_by", "hour"), _by("channel")),
    "zones": Panel("By time zone", ("open_by", "hour"), _by("timezone")),
}
