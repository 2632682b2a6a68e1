"""Runs one worker, or all of them, each in a process of its own."""

from importlib import import_module
from typing import Any

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.commands.reporting import ReportingCommand
from healthnotify.workers import everything, loop


class Command(ReportingCommand):
    help = "Run a worker until SIGTERM; it drains within 20 seconds then."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", choices=(*everything.WORKERS, "all"), help="which worker; all: one process each, for one machine"
        )

    def handle(self, *_: Any, name: str, **__: Any) -> None:
        app = bootstrap.app()
        if name == "all":
            loop.run(name, everything.run)
        else:
            worker = import_module(f"healthnotify.workers.{name.replace('-', '_')}")
            loop.run(name, lambda running: worker.run(running, app))
