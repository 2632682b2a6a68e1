"""Dead letters from the command line: looked through, brought back, ended; and consumers that hold, let go on."""

import sys
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.apps import database
from healthnotify.apps.notifications import holding
from healthnotify.commands import dead_letters, redriving
from healthnotify.commands.reporting import ReportingCommand


class Command(ReportingCommand):
    help = "List, show, bring back and expire dead letters; let consumers go on after a flood of them."

    def add_arguments(self, parser: CommandParser) -> None:
        for one in dead_letters.add_arguments(parser):
            self.add_report_arguments(one)

    def handle(self, *_: Any, action: str, json: bool, **options: Any) -> None:
        database.check()
        getattr(self, f"_{action}")(options, bootstrap.now(), json)

    def _list(self, options: dict[str, Any], now: datetime, json: bool) -> None:  # noqa: FBT001 - as it came
        self.show(dead_letters.listed(options, now), dead_letters.LISTED, "Dead letters", as_json=json)
        for hold in () if json else holding.holds():
            self.stdout.write(f"{dead_letters.told(hold)} `manage.py dead_letters resume` ends that.")

    def _show(self, options: dict[str, Any], now: datetime, json: bool) -> None:  # noqa: FBT001
        if where := dead_letters.place(options["what"]):
            row = dead_letters.record(where, raw=options["raw"], now=now)
            self.show([row], dead_letters.PLACE, "A record that is not ours", as_json=json)
            return
        letters, lines = dead_letters.story(options["what"])
        self.show(letters, dead_letters.LETTER, f"Dead letters of {options['what']}", as_json=json)
        self.stdout.writelines(() if json else (f"{line}\n" for line in lines))

    def _redrive(self, options: dict[str, Any], now: datetime, json: bool) -> None:  # noqa: FBT001
        wanted = dead_letters.wanted(options, now)
        with dead_letters.interruptible() as wait:
            done = redriving.bring_back(wanted, at=now, wait=wait, clock=bootstrap.now)
        rows = redriving.table(done, dry_run=wanted.dry_run)
        self.show(rows, redriving.ROW, "Redrive", as_json=json)
        self.stdout.writelines(() if json else (f"{line}\n" for line in dead_letters.ids_left(done.left_ids)))
        if done.is_bad(wanted):
            sys.exit(1)

    def _expire(self, options: dict[str, Any], now: datetime, json: bool) -> None:  # noqa: FBT001
        with dead_letters.interruptible() as wait:
            rows = dead_letters.expire(options, now, wait)
        self.show(rows, dead_letters.EXPIRED, "Expired dead letters", as_json=json)

    def _resume(self, options: dict[str, Any], now: datetime, json: bool) -> None:  # noqa: FBT001
        ended, tried = dead_letters.resume(options, now)
        self.show(ended, dead_letters.HELD, "No longer held", as_json=json)
        self.stdout.writelines(() if json else tried)
