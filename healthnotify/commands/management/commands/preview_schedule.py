"""Show when a rule would send, by the planner's own pure function; touches no service."""

import re
from typing import Any, Final

from django.core.management.base import CommandParser
from tzdata import IANA_VERSION

from healthnotify.commands.preview import DEFAULT_COUNT, FIELDS, answer, preview
from healthnotify.commands.reporting import ReportingCommand
from healthnotify.domain.errors import BadInput

COLUMNS: Final = ("local_date", "send_at", "local", "reason")


class Command(ReportingCommand):
    help = "Show when a rule would send. A batch is JSON lines in, JSON lines out, in order."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--timezone", help="IANA name, for example America/New_York")
        parser.add_argument("--time", help="wanted wall-clock time, HH:MM")
        parser.add_argument("--days", help="mon,tue,...; every day when left out")
        parser.add_argument("--quiet", help="quiet hours, for example 22:00-07:00; they may run over midnight")
        parser.add_argument("--from", help="only what is sent after it, for example 2026-03-07T20:00:00-05:00")
        parser.add_argument("--count", help=f"how many, {DEFAULT_COUNT} when left out")
        parser.add_argument("--batch", metavar="FILE", help="answer the JSON lines of a file, or of - (standard input)")
        self.add_report_arguments(parser)

    def handle(self, **options: Any) -> None:
        question = {name: options[name] for name in FIELDS if options.get(name) is not None}
        if options["batch"] is None:
            self._one(question, as_json=options["json"])
        elif question:
            raise BadInput("batch", f"it does not go with --{next(iter(question))}", "Write the fields in its lines")
        else:
            self.answer_lines(options["batch"], "batch", answer)

    def _one(self, question: dict[str, Any], *, as_json: bool) -> None:
        if re.fullmatch("[0-9]{1,9}", count := str(question.get("count", ""))):
            question["count"] = int(count)
        found = preview(question)
        self.show(found, COLUMNS, f"{question['timezone']} (tzdata {IANA_VERSION})", as_json=as_json)
