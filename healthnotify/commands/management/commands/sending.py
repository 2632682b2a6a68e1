"""The stop switch: nothing of it is sent until somebody lets it go on."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.apps import database
from healthnotify.apps.access.audit import COMMAND
from healthnotify.apps.notifications import stopping
from healthnotify.commands.reporting import ReportingCommand
from healthnotify.domain.errors import Missing

COLUMNS = ("what", "since", "actor", "reason")


class Command(ReportingCommand):
    help = "Stop sending, all of it, a channel or a category; within two seconds. What waits is not lost."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        stop = actions.add_parser("stop", help="send nothing of it from now on")
        stop.add_argument("--reason", required=True, metavar="TEXT", help="why; it is shown, and kept in the audit")
        resume = actions.add_parser("resume", help="let it go on")
        for one in (stop, resume):
            one.add_argument("--channel", metavar="NAME", help="only this channel")
            one.add_argument("--category", metavar="NAME", help="only this category")
        for one in (stop, resume, actions.add_parser("show", help="what is stopped")):
            self.add_report_arguments(one)

    def handle(self, *_: Any, action: str, json: bool, **options: Any) -> None:
        database.check()
        if action != "show":
            what = stopping.parse(options["channel"], options["category"])
            at = bootstrap.now()
            if action == "stop":
                stopping.stop(what, reason=options["reason"], actor=COMMAND, at=at)
            elif not stopping.resume(what, actor=COMMAND, at=at):
                raise Missing("stop", stopping.named(what))
        self.show(map(asdict, stopping.stopped()), COLUMNS, "Stopped", as_json=json)
