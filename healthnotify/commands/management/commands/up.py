"""Starts all of it on one machine and stays up."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.console import Console

from healthnotify import bootstrap
from healthnotify.commands.reporting import ReportingCommand
from healthnotify.commands.staying import stay, usual_place
from healthnotify.embedded.interrupts import Interrupted
from healthnotify.embedded.process import StartFailed
from healthnotify.given import embeddable


class Command(ReportingCommand):
    help = "The web pages, the API and all workers, on embedded services wherever the environment names none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--files", metavar="DIRECTORY", default=usual_place(), help="where data and logs stay")

    def handle(self, *_: Any, files: str, **__: Any) -> None:
        console = Console(soft_wrap=True)
        try:
            stay(Path(files).resolve(), embeddable(), url=bootstrap.serving().url, console=console)
        except Interrupted as end:
            sys.exit(end.exit_code)
        except StartFailed as problem:
            raise CommandError(str(problem)) from problem
