"""Proves that everything planned is accounted for and nothing went out twice; exits 1 when it does not balance."""

import json as jsonlib
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from healthnotify.apps import database
from healthnotify.apps.notifications.evidence import COLUMNS, evidence
from healthnotify.commands.reporting import ReportingCommand, iso_date


class Command(ReportingCommand):
    help = "Account for every notification of a local date, or of all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--day", metavar="D", help="only this local date, for example 2026-03-08")
        self.add_report_arguments(parser)

    def handle(self, *_: Any, day: str | None, json: bool, **__: Any) -> None:
        wanted = iso_date("day", day)
        database.check()
        found = evidence(wanted)
        if json:
            self.stdout.write(jsonlib.dumps(found.as_json(), indent=1))
        else:
            title = f"Notifications of {wanted or 'all days'}"
            self.show([asdict(share) for share in found.shares], COLUMNS, title, as_json=False)
            for key in found.unknown_outcomes:
                self.stdout.write(f"outcome unknown, never sent again: {key}")
            if found.possible_copies:
                self.stdout.write(f"possible second copies after a crash, within the promise: {found.possible_copies}")
            if found.dropped:
                self.stdout.write(f"dropped for their age, so that only their sums are left: {found.dropped}")
            self.stdout.write(found.line)
        if not found.balances:
            sys.exit(1)
