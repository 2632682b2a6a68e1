"""API keys from the command line: the first one, and the one that replaces what has leaked."""

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.apps import database
from healthnotify.apps.access import keys
from healthnotify.apps.access.audit import COMMAND
from healthnotify.apps.access.models import ApiKey
from healthnotify.apps.access.scopes import FOR_KEYS
from healthnotify.commands.reporting import ReportingCommand, whole_number
from healthnotify.domain.errors import BadInput, Missing

LIST = ("prefix", "name", "scopes", "created_at", "created_by", "expires_at", "revoked_at", "last_used_at")


class Command(ReportingCommand):
    help = "Make, list and revoke API keys."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key; its text is shown this once")
        create.add_argument("name", metavar="NAME", help="what it is for")
        create.add_argument("--scopes", required=True, metavar="A,B", help=f"some of {', '.join(FOR_KEYS)}")
        create.add_argument("--expires", metavar="90d", help="in so many days; without it, never")
        revoke = actions.add_parser("revoke", help="end a key at once and for good")
        revoke.add_argument("prefix", metavar="PREFIX", help="as the list shows it")
        for one in (create, revoke, actions.add_parser("list", help="all keys, newest first")):
            self.add_report_arguments(one)

    def handle(self, *_: Any, action: str, json: bool, **options: Any) -> None:
        database.check()
        now = bootstrap.now()
        if action == "create":
            scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
            key, text = keys.make(options["name"], scopes, by=COMMAND, at=now, expires_at=_end(options["expires"], now))
            self.show([{**vars(key), "key": text}], ("key", *LIST[:6]), "Shown this once", as_json=json)
        elif action == "revoke":
            key = ApiKey.objects.filter(prefix=options["prefix"].removeprefix(keys.MARK)).first()
            if key is None or not keys.revoke(key.id, by=COMMAND, at=now):
                raise Missing("valid key", options["prefix"])
            self.show([{"revoked": key.prefix}], ("revoked",), "API keys", as_json=json)
        else:
            rows = ApiKey.objects.order_by("-created_at", "-id").iterator()
            self.show(map(vars, rows), LIST, "API keys", as_json=json)


def _end(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    if not text.endswith("d"):
        raise BadInput("expires", f"{text!r} is not a number of days", "Write 90d, for example")
    return now + timedelta(days=whole_number("expires", text.removesuffix("d"), 1, 36_500))
