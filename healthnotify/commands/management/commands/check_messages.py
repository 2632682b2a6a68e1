"""Judge messages as the builder does, before and after they are filled; touches no service."""

from typing import Any

from django.core.management.base import CommandParser

from healthnotify.commands.checking import FIELDS, answer
from healthnotify.commands.reporting import ReportingCommand


class Command(ReportingCommand):
    help = f"Judge messages: JSON lines with {', '.join(FIELDS)} in, JSON lines with id, allowed and reasons out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="JSON lines; - is standard input")

    def handle(self, **options: Any) -> None:
        self.answer_lines(options["file"], "file", answer)
