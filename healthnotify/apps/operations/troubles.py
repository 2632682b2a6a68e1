"""What is wrong right now, in sentences that say where to look; nothing when all is well."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from healthnotify.apps.operations.board import Outage, Reading
from healthnotify.apps.operations.processes import WANTED, Health, Process, dependencies, missing, processes


def troubles(readings: Mapping[str, Reading], outage: Outage | None, now: datetime) -> list[str]:
    """The worst first."""
    return list(_all(readings, outage, now))


def _all(readings: Mapping[str, Reading], outage: Outage | None, now: datetime) -> Iterator[str]:
    if outage:
        yield (
            f"PostgreSQL has not answered since {outage.since:%H:%M:%S} UTC, so nothing is sent, and what stands below "
            f"is from before. It said: {outage.problem}"
        )
        return  # what the workers said before it went away tells nothing about now
    for stop in readings["stopped"].document or ():
        since = datetime.fromisoformat(stop["since"])
        yield (
            f"Sending is stopped: {stop['what']}, since {since:%H:%M:%S} UTC, by {stop['actor']}, because: "
            f"{stop['reason']}. To let it go on: manage.py sending resume."
        )
    if readings["workers"].document is not None:
        yield from _of_workers(processes(readings["workers"].document, now))
    standing = readings["standing"].document
    if standing and standing["overdue"]:
        yield f"{standing['overdue']:,} notifications are more than 10 seconds past their time and not on the road yet."
    for problem in sorted({reading.problem for reading in readings.values() if reading.problem}):
        yield f"Some figures are older than they should be: {problem}."


def _of_workers(known: Sequence[Process]) -> Iterator[str]:
    absent = missing(known)
    if len(absent) == len(WANTED):
        yield "No worker is running: nothing is planned, written or sent."
    else:
        yield from (f"No {kind} is running." for kind in absent)
    for one in known:
        if one.health is Health.SILENT:
            yield f"{one.where} has not been heard of since {one.seen_at:%H:%M:%S} UTC."
        elif one.health is Health.STUCK:
            yield f"{one.where} makes no progress: {one.problem or 'it does not say why'}."
    for why, kinds in _holds(known).items():
        yield (
            f"The {', the '.join(kinds)} consumes nothing, because dead letters poured ({why}). Look at their reasons, "
            "and when that is mended, let it go on: manage.py dead_letters resume."
        )
    for service in dependencies(known):
        if service.problem:
            yield f"{service.name}: {service.problem} (says the {', the '.join(service.said_by)})"


def _holds(known: Sequence[Process]) -> dict[str, list[str]]:
    """Why somebody holds, with the kinds of worker that do."""
    found: dict[str, list[str]] = {}
    for one in known:
        for why in one.figures.get("holds", {}) if one.is_there else ():
            kinds = found.setdefault(why, [])
            kinds += [] if one.worker in kinds else [one.worker]
    return found
