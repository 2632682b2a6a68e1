"""What every command that prints a table shares: `--json` beside it, and errors in one line without a traceback."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from healthnotify.commands.json_lines import lines
from healthnotify.domain.errors import BadInput, HealthNotifyError
from healthnotify.domain.model import Channel

ROWS_A_TABLE: Final = 1_000  # a longer answer becomes several tables, so that memory stays bounded
WIDTH_IN_A_PIPE: Final = 10_000  # a program that reads a table wants whole lines

UNITS: Final = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
EXAMPLE: Final = "2h, 3d, or an instant such as 2026-03-08T09:00:00Z"


class ReportingCommand(BaseCommand):
    """Parent of commands that report; a `HealthNotifyError` ends them with `error: …` and exit code 1."""

    requires_system_checks = []

    def add_report_arguments(self, parser: CommandParser) -> None:
        """Add `--json`; its value belongs into `show`."""
        parser.add_argument("--json", action="store_true", help="print the same as JSON")

    def show(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str, *, as_json: bool) -> None:
        """Print rows, taken one at a time, as tables of these columns or as one JSON array."""
        if as_json:
            before = "["
            for row in rows:
                self.stdout.write(before + json.dumps({name: row[name] for name in columns}, default=str), ending="")
                before = ",\n "
            self.stdout.write("[]" if before == "[" else "]")
            return
        remaining = iter(rows)
        page = list(islice(remaining, ROWS_A_TABLE))
        self._print(page, columns, title)
        while page := list(islice(remaining, ROWS_A_TABLE)):
            self._print(page, columns, title)

    def _print(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
        table = Table(title=title, title_justify="left")
        for name in columns:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
        width = None if self.stdout.isatty() else WIDTH_IN_A_PIPE
        Console(file=self.stdout, width=width, markup=False, highlight=False).print(table)

    def answer_lines(self, source: str, option: str, answer: Callable[[bytes], dict[str, object]]) -> None:
        """Answer each JSON line of a file, or of - for standard input, in order; bad ones make the exit code 1."""
        seen = bad = 0
        for line in lines(source, option):
            answered = answer(line)
            self.stdout.write(json.dumps(answered))
            self.stdout.flush()  # whoever writes the lines may wait for each answer
            seen, bad = seen + 1, bad + ("error" in answered)
        if bad:
            raise CommandError(f"{bad} of {seen} lines cannot be used; their answers say why")

    def execute(self, *arguments: Any, **options: Any) -> Any:
        """As Django's; who calls from Python gets our errors as `CommandError`."""
        try:
            return super().execute(*arguments, **options)
        except HealthNotifyError as problem:
            if self._called_from_command_line:
                raise
            raise CommandError(f"error: {problem}") from problem

    def run_from_argv(self, argv: list[str]) -> None:
        """As Django's; on the command line our errors are one line on stderr."""
        try:
            super().run_from_argv(argv)
        except HealthNotifyError as problem:
            self.stderr.write(f"error: {problem}")
            sys.exit(1)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` has seen enough: no last flush
            sys.exit(1)


def whole_number(field: str, text: str, least: int, most: int) -> int:
    """An option's text as a number. Raises `BadInput`."""
    number = int(text) if text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() else None
    if number is None or not least <= number <= most:
        raise BadInput(field, f"{text!r} is not a whole number from {least} to {most}", "Give one in that range")
    return number


def iso_date(field: str, text: str | None) -> date | None:
    """An option's text as a date, None when it is not given. Raises `BadInput`."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise BadInput(field, f"{text!r} is not a date", "Use YYYY-MM-DD, for example 2026-03-08") from None


def an_id(field: str, text: str) -> UUID:
    """An argument's text as a notification's id. Raises `BadInput`."""
    try:
        return UUID(text)
    except ValueError:
        fix = "Give a UUID, from a log line for example"
        raise BadInput(field, f"{text!r} is not a notification's id", fix) from None


def a_channel(field: str, text: str | None) -> Channel | None:
    """An option's text as a channel, None when it is not given. Raises `BadInput`."""
    try:
        return None if text is None else Channel(text)
    except ValueError:
        raise BadInput(field, f"{text!r} is no channel", f"Use one of {', '.join(Channel)}") from None


def instant(field: str, text: str | None, now: datetime) -> datetime | None:
    """An option's text as an instant, or as so long ago: `2h`, `3d`; None when it is not given. Raises `BadInput`."""
    if text is None:
        return None
    if ago := re.fullmatch(r"(\d{1,5})([smhd])", text, re.ASCII):
        return now - int(ago[1]) * UNITS[ago[2]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(field, f"{text!r} is no instant", f"Write {EXAMPLE}") from None
    if found.tzinfo is None:
        raise BadInput(field, f"{text!r} does not say in which zone", f"Write {EXAMPLE}")
    return found
