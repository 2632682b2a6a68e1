"""Shows what the notification cache holds, or empties it; PostgreSQL loses nothing by that."""

from typing import Any

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.commands.cache_rows import ENTRY, STATISTIC, WHOLE_ENTRY, statistics, whole_entry
from healthnotify.commands.reporting import ReportingCommand, iso_date
from healthnotify.domain.schedule import zone


class Command(ReportingCommand):
    help = "Count, list, dump (with the sealed text) or clear the cached notifications."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--action", choices=("stats", "list", "clear", "dump"), default="stats")
        parser.add_argument("--timezone", metavar="Z", help="only this IANA time zone, for example Europe/Berlin")
        parser.add_argument("--date", metavar="D", help="only this local date, for example 2026-03-08")
        self.add_report_arguments(parser)

    def handle(self, *_: Any, action: str, timezone: str | None, json: bool, **options: Any) -> None:
        chosen = (None if timezone is None else zone(timezone).key, iso_date("date", options["date"]))
        staging = bootstrap.staging()
        if action == "stats":
            counts = statistics(staging.stats(*chosen), is_cold=staging.is_cold())
            self.show(counts, STATISTIC, "Notification cache", as_json=json)
        elif action == "clear":
            cleared = {"cleared": staging.forget(*chosen), "next": "the sweeper rebuilds it from PostgreSQL"}
            self.show([cleared], tuple(cleared), "Notification cache", as_json=json)
        else:
            columns = ENTRY if action == "list" else WHOLE_ENTRY
            self.show(map(whole_entry, staging.entries(*chosen)), columns, "Cached notifications", as_json=json)
