"""Brings the cache in line with PostgreSQL; moves nothing, and sends nothing twice."""

from typing import Any

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.apps import database
from healthnotify.commands.reporting import ReportingCommand, a_channel, an_id
from healthnotify.commands.restaging import ROW, SHOWN, choice, compare, table


class Command(ReportingCommand):
    help = "Compare what the cache holds of open notifications with PostgreSQL, and put right what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--id", action="append", default=[], metavar="ID", help="this one; may be said again")
        parser.add_argument("--channel", metavar="C", help="all open ones of this channel")
        parser.add_argument("--all", action="store_true", help="all open ones")
        parser.add_argument("--dry-run", action="store_true", help="compare only")
        self.add_report_arguments(parser)

    def handle(self, *_: Any, channel: str | None, dry_run: bool, json: bool, **options: Any) -> None:
        ids = list(dict.fromkeys(an_id("id", text) for text in options["id"]))
        batches = choice(ids, a_channel("channel", channel), everything=options["all"])
        database.check()
        cache = bootstrap.staging()
        cache.ping()
        found = compare(batches, cache, dry_run=dry_run)
        self.show(table(found, dry_run=dry_run), ROW, "Cache and PostgreSQL", as_json=json)
        if json:
            return
        for key in found.mended[:SHOWN]:
            self.stdout.write(f"{'differs' if dry_run else 'put right'}: {key}")
        if cache.is_cold():
            self.stdout.write("The cache is cold: producers read PostgreSQL until the sweeper has rebuilt all of it.")
