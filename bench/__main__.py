"""`python -m bench [part …] [--all]`: all of it when nothing is named, on embedded services of its own."""

import importlib
import os
import sys
from pathlib import Path
from typing import Final

from healthnotify.embedded.stack import Stack

#: The last one ends with the line of ratios.
PARTS: Final = ("api", "delivery", "page", "channels", "scale", "memory", "scans", "road")
ALL: Final = "--all"  # the sizes that take disk and an hour


def main() -> int:
    """Start the services, run the parts, print what they found."""
    wanted = [part for part in sys.argv[1:] if part != ALL] or PARTS
    if unknown := sorted(set(wanted) - set(PARTS)):
        sys.stderr.write(f"error: part: {unknown[0]!r} is none. Give some of {', '.join(PARTS)}\n")
        return 2
    with Stack.start(None, {}, tell=_tell) as stack:
        os.environ.update(stack.environment())
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        for limit in ("API_REQUESTS_PER_MINUTE", "ADDRESS_REQUESTS_PER_MINUTE", "DAILY_CAP"):
            os.environ[limit] = "1000000"
        os.environ["HEALTH_PORT"] = "0"
        _prepare()
        said = None
        for part in PARTS:
            if part in wanted:
                said = importlib.import_module(f"bench.{part}").run(stack, Path(stack.directory))
        if said:
            print(said)
    return 0


def _prepare() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from healthnotify.apps.database import rows

    call_command("migrate", verbosity=0)
    rows("UPDATE ceilings SET most = 2000000000", {})  # a measurement sends more in a minute than any installation


def _tell(name: str, text: str) -> None:
    sys.stderr.write(f"{name}: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
