"""The twin of the language model: it answers what a script says."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import cycle

from healthnotify.domain.model import Brief, Draft
from healthnotify.pipeline.ports import NotWritten

Script = Callable[[Brief], Draft | NotWritten] | Sequence[Draft | NotWritten]


class ScriptedWriter:
    """Port `Writer`. A function answers each brief; of a sequence the answers take turns, over and over."""

    model = "scripted"
    prompt_id = "scripted"
    prompt_hash = ""

    def __init__(self, script: Script) -> None:
        """Shapes as `Script` says; a sequence has at least one answer."""
        self.briefs: list[Brief] = []  #: every brief that it was given, in order
        if callable(script):
            self._answer = script
        else:
            turns = cycle(script)
            self._answer = lambda _: next(turns)

    async def write(self, brief: Brief, deadline: timedelta) -> Draft:
        """The script's next answer. Raises `NotWritten` where it says so, or without any time."""
        self.briefs.append(brief)
        answer = self._answer(brief) if deadline > timedelta(0) else NotWritten("timeout")
        if isinstance(answer, NotWritten):
            raise answer
        return answer

    async def close(self) -> None:
        """Nothing to let go of."""
