"""Shows the main job on this machine, on embedded services where none are named, and accounts for every message."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.console import Console

from healthnotify.commands.demonstration import IMPATIENT
from healthnotify.commands.reporting import ReportingCommand, whole_number
from healthnotify.embedded.inbox_faults import Faults as InboxFaults
from healthnotify.embedded.interrupts import Interrupted
from healthnotify.embedded.model_server import Faults as ModelFaults
from healthnotify.embedded.process import StartFailed
from healthnotify.embedded.stack import Stack
from healthnotify.embedded.variables import STAND_IN_RATE
from healthnotify.given import embeddable


class Command(ReportingCommand):
    help = "The main job from planning to the inbox, on embedded services wherever the environment names none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--people", default="200", metavar="N", help="how many, 1 to 5000 (default 200)")
        parser.add_argument("--seed", default="2", metavar="N", help="the same people and faults each time")
        parser.add_argument("--keep", metavar="DIRECTORY", help="keep all files and logs there")

    def handle(self, *_: Any, people: str, seed: str, keep: str | None, **__: Any) -> None:
        count, dice = whole_number("people", people, 1, 5000), whole_number("seed", seed, 0, 2**31)
        console = Console()
        try:
            code = _run(count, dice, Path(keep).resolve() if keep else None, console)
        except Interrupted as end:
            code = end.exit_code
        except StartFailed as problem:
            raise CommandError(str(problem)) from problem
        sys.exit(code)


def _run(count: int, seed: int, directory: Path | None, console: Console) -> int:
    inbox = InboxFaults(refuse_for_a_while=0.05, while_seconds=3, refuse_for_good=0.01, seed=seed)
    model = ModelFaults(slow=0.03, bad=0.06)
    given = embeddable()

    def tell(name: str, text: str) -> None:
        console.print(f"{name}: {text}", style="dim", highlight=False, markup=False)

    with Stack.start(directory, given, tell=tell, inbox_faults=inbox, model_faults=model, model_seed=seed) as stack:
        command = [sys.executable, sys.argv[0], "demonstrate", str(count), str(seed), str(stack.directory)]
        if stack.inbox and not {"EMAIL_HOST", "SMS_BASE_URL"} & set(given):
            command.append(str(stack.inbox.log_path))
        own_model = "OPENAI_BASE_URL" in given and "OPENAI_REQUESTS_PER_MINUTE" not in given
        return stack.run(command, IMPATIENT | ({"OPENAI_REQUESTS_PER_MINUTE": STAND_IN_RATE} if own_model else {}))
