"""Enters invented people, to try the system with."""

from typing import Any

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.apps import database
from healthnotify.apps.users import people
from healthnotify.commands.invented import somebody
from healthnotify.commands.reporting import ReportingCommand, whole_number
from healthnotify.domain.schedule import zone

MOST = 1_000_000
CHUNK = 2_000


class Command(ReportingCommand):
    help = "Enter invented people with random goals, preferences and time zones (addresses nobody owns)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", default="10", metavar="N", help=f"how many, 1 to {MOST} (default 10)")
        parser.add_argument("--timezone", metavar="Z", help="one IANA zone for all of them; else a dozen take turns")
        parser.add_argument("--seed", metavar="N", help="a whole number: the same people each time")
        self.add_report_arguments(parser)

    def handle(self, *_: Any, count: str, timezone: str | None, seed: str | None, json: bool, **__: Any) -> None:
        wanted = whole_number("count", count, 1, MOST)
        name = zone(timezone).key if timezone is not None else None
        dice = bootstrap.dice(None if seed is None else whole_number("seed", seed, -(2**63), 2**63))
        ring, now = bootstrap.ring(), bootstrap.now()
        database.check()
        entered = 0
        while entered < wanted:
            some = [somebody(dice, name) for _ in range(min(CHUNK, wanted - entered))]
            entered += len(people.add(some, now=now, ring=ring))
        self.show([{"entered": entered}], ("entered",), "Test users", as_json=json)
