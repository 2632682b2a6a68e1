"""The ceilings of sends, which PostgreSQL enforces whatever the rest of the system does."""

from typing import Any

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.apps import database
from healthnotify.apps.access.audit import COMMAND
from healthnotify.apps.notifications import stopping
from healthnotify.commands.reporting import ReportingCommand, whole_number


class Command(ReportingCommand):
    help = "Show and set the most sends a user and day, and a channel and minute."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        set_one = actions.add_parser("set", help="in force with the next send")
        set_one.add_argument("name", metavar="NAME", help="as `show` has it")
        set_one.add_argument("most", metavar="N", help="the most sends")
        for one in (set_one, actions.add_parser("show", help="all of them")):
            self.add_report_arguments(one)

    def handle(self, *_: Any, action: str, json: bool, **options: Any) -> None:
        database.check()
        if action == "set":
            most = whole_number("most", options["most"], 1, stopping.MOST)
            stopping.set_ceiling(options["name"], most, actor=COMMAND, at=bootstrap.now())
        ceilings = [{"name": name, "most": most} for name, most in stopping.ceilings().items()]
        self.show(ceilings, ("name", "most"), "Ceilings", as_json=json)
