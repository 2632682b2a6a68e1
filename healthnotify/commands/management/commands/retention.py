"""Drops the months that are old enough and have ended, and makes the ones ahead; exits 1 when it had to keep one."""

import sys
from datetime import timedelta
from typing import Any, Final

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.apps import database
from healthnotify.apps.access.audit import COMMAND
from healthnotify.apps.notifications.retention import LEAST, MOST, retire
from healthnotify.commands.reporting import ReportingCommand, whole_number
from healthnotify.given import setting

COLUMNS: Final = ("month", "notifications", "open", "dropped", "why_kept")


class Command(ReportingCommand):
    help = "Drop whole months of ended notifications, with their moves and dead letters; their evidence stays as sums."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--keep", metavar="DAYS", help="how long a month is kept after its end; default: KEEP_DAYS")
        parser.add_argument("--dry-run", action="store_true", help="change nothing, and say what would be dropped")
        self.add_report_arguments(parser)

    def handle(self, *_: Any, keep: str | None, dry_run: bool, json: bool, **__: Any) -> None:
        days = setting("keep_days") if keep is None else whole_number("keep", keep, LEAST, MOST)
        database.check()
        found = list(retire(keep=timedelta(days=days), now=bootstrap.now(), actor=COMMAND, dry_run=dry_run))
        kept = [month for month in found if month.why_kept]
        going = [month for month in found if not month.why_kept]
        title = f"Months that ended more than {days} days ago"
        self.show([month.as_row() for month in found], COLUMNS, title, as_json=json)
        if not json:
            word = "would_drop" if dry_run else "dropped"
            number = sum(month.notifications for month in going)
            self.stdout.write(f"retention: {word}={len(going)} notifications={number} kept={len(kept)}")
        if kept:
            sys.exit(1)
