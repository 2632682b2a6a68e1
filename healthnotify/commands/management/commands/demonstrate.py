"""The inner part of `demo`: runs on the services that the environment names."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console

from healthnotify.commands.demonstration import demonstrate
from healthnotify.commands.reporting import ReportingCommand
from healthnotify.embedded.interrupts import Interrupted


class Command(ReportingCommand):
    help = "Used by demo, which starts the services: run the main job for invented people, and account for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("count", type=int)
        parser.add_argument("seed", type=int)
        parser.add_argument("directory", type=Path, help="for the workers' log")
        parser.add_argument("inbox_log", type=Path, nargs="?", help="what the embedded inbox accepted")

    def handle(self, *_: Any, count: int, seed: int, directory: Path, inbox_log: Path | None, **__: Any) -> None:
        try:
            is_well = demonstrate(count, seed, directory / "workers.log", inbox_log, Console())
        except Interrupted as end:
            sys.exit(end.exit_code)
        sys.exit(0 if is_well else 1)
