"""Operators from the command line: the first one, and the one who has lost their password."""

import sys
from typing import Any

from django.core.management.base import CommandParser

from healthnotify import bootstrap
from healthnotify.apps import database
from healthnotify.apps.access import operators
from healthnotify.apps.access.audit import COMMAND
from healthnotify.apps.access.models import Operator
from healthnotify.apps.access.scopes import Role
from healthnotify.commands.reporting import ReportingCommand

LIST = ("username", "role", "is_active", "created_at", "last_login")
STDIN = "read the password from standard input; else one is made up, and shown this once"


class Command(ReportingCommand):
    help = "Make, list and change those who log in."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="somebody new")
        password = actions.add_parser("set-password", help="ends their sessions and tokens")
        role = actions.add_parser("set-role", help="counts from their next request on")
        deactivate = actions.add_parser("deactivate", help="they are out with their next request")
        for one in (create, password, role, deactivate):
            one.add_argument("name", metavar="NAME")
        for one in (create, role):
            one.add_argument("--role", required=True, choices=[role.value for role in Role])
        for one in (create, password):
            one.add_argument("--password-stdin", action="store_true", help=STDIN)
        for one in (create, password, role, deactivate, actions.add_parser("list", help="all of them")):
            self.add_report_arguments(one)

    def handle(self, *_: Any, action: str, json: bool, **options: Any) -> None:
        database.check()
        if action == "list":
            self.show(map(vars, Operator.objects.order_by("username")), LIST, "Operators", as_json=json)
            return
        made_up = self._change(action, **options)
        shown = {"operator": options["name"], "password": made_up}
        columns = ("operator", "password") if made_up else ("operator",)
        self.show([shown], columns, "Shown this once" if made_up else "Operators", as_json=json)

    def _change(self, action: str, *, name: str, password_stdin: bool = False, role: str = "", **_: Any) -> str | None:
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
        whom = {"by": COMMAND, "at": bootstrap.now()}
        if action == "create":
            return operators.make(name, role, password, **whom)[1]
        if action == "set-password":
            return operators.set_password(name, password, **whom)
        if action == "set-role":
            operators.set_role(name, role, **whom)
        else:
            operators.deactivate(name, **whom)
        return None
