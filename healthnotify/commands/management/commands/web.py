"""Serves the API, the pages, their health and their metrics."""

from typing import Any

from healthnotify import bootstrap
from healthnotify.commands.reporting import ReportingCommand
from healthnotify.web.server import serve


class Command(ReportingCommand):
    help = "Serve the API and the pages on WEB_HOST and WEB_PORT until SIGTERM."

    def handle(self, *_: Any, **__: Any) -> None:
        bootstrap.web()
        serve("config.asgi:application", bootstrap.serving())
