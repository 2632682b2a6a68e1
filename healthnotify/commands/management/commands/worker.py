"""Runs one worker, or all of them, each in a process of its own."""

from importlib import import_module
from typing import Any, Final

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.commands.reporting import ReportingCommand, whole_number
from healthnotify.domain.errors import Misconfigured
from healthnotify.given import setting
from healthnotify.workers import everything, loop

LAST_PORT: Final = 65535


class Command(ReportingCommand):
    help = "Run a worker until SIGTERM; it drains within 20 seconds then."

    def add_arguments(self, parser: CommandParser) -> None:
        which = "which worker; all: one process each, for one machine"
        parser.add_argument("name", choices=(*everything.WORKERS, "all"), help=which)
        port = "where it serves its health (default HEALTH_PORT); all: of the first of them; 0: any free one"
        parser.add_argument("--port", metavar="N", help=port)

    def handle(self, *_: Any, name: str, port: str | None, **__: Any) -> None:
        app = bootstrap.app()
        first = setting("health_port") if port is None else whole_number("port", port, 0, LAST_PORT)
        if name == "all":
            ports = _ports(first)
            loop.run(name, lambda running: everything.run(running, ports))
        else:
            worker = import_module(f"healthnotify.workers.{name.replace('-', '_')}")
            watch = bootstrap.watch(name, app.pulse)
            watch.serve(setting("health_host"), first)
            loop.run(name, lambda running: worker.run(running, app), watch)


def _ports(first: int) -> dict[str, int]:
    """Each worker's own for its health: this one and those after it, or any free ones when it is 0."""
    highest = LAST_PORT - len(everything.WORKERS) + 1
    if first > highest:
        fix = f"Give {highest} at most, or 0 for any free ones"
        raise Misconfigured("HEALTH_PORT", f"there is no room for {len(everything.WORKERS)} ports after {first}", fix)
    return {name: first and first + place for place, name in enumerate(everything.WORKERS)}
