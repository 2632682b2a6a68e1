"""Tells the life of one notification in plain words."""

import json as jsonlib
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from healthnotify.apps import database
from healthnotify.apps.notifications.life import life
from healthnotify.commands.reporting import ReportingCommand, an_id


class Command(ReportingCommand):
    help = "Every move of one notification, with its reason; no text, name or address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", metavar="ID", help="the notification's id (a UUID)")
        self.add_report_arguments(parser)

    def handle(self, *_: Any, json: bool, **options: Any) -> None:
        key = an_id("id", options["id"])
        database.check()
        told = life(key)
        if json:
            self.stdout.write(jsonlib.dumps(asdict(told), default=str, indent=1))
            return
        for name, value in told.facts.items():
            self.stdout.write(f"{name + ':':<22}{value}")
        for chapter in told.chapters:
            moved = f"{chapter.before or '(nothing)'} → {chapter.after}"
            self.stdout.write(f"{chapter.at.isoformat(timespec='milliseconds')}  {moved:<22} {chapter.words}")
