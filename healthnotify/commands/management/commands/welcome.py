"""The inner part of `up`: the first operator and the first key, when there are none."""

import json
from typing import Any

from healthnotify import bootstrap
from healthnotify.apps.access import keys, operators
from healthnotify.apps.access.models import ApiKey, Operator
from healthnotify.apps.access.scopes import FOR_KEYS, Role
from healthnotify.commands.reporting import ReportingCommand

ACTOR = "command:up"


class Command(ReportingCommand):
    help = "Used by up: make the first operator and the first API key where there are none, and print them as JSON."

    def handle(self, *_: Any, **__: Any) -> None:
        made: dict[str, str | None] = {}
        if not Operator.objects.exists():
            _, made["password"] = operators.make("admin", Role.ADMINISTRATOR, None, by=ACTOR, at=bootstrap.now())
        if not ApiKey.objects.exists():
            _, made["key"] = keys.make("first key", FOR_KEYS, by=ACTOR, at=bootstrap.now())
        self.stdout.write(json.dumps(made))
