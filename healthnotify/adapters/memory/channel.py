"""A channel's twin: it keeps the letters and answers what a test tells it to."""

from collections.abc import Callable, Iterable

from healthnotify.domain.delivery import Accepted, Letter, Outcome

Script = Callable[[Letter], Outcome]


class ScriptedChannel:
    """`ChannelPort` without a provider. `letters` are all that were sent, in order, whatever the answer was."""

    def __init__(self, script: Iterable[Outcome] | Script = ()) -> None:
        """`script` is asked for each letter; of a list one outcome is used up a letter, then all are accepted."""
        self.letters: list[Letter] = []
        self.is_closed = False
        self._answer = script if callable(script) else _in_turn(script)

    @property
    def at_once(self) -> int:
        """See `ports.ChannelPort`."""
        return 256

    def provider(self, letter: Letter) -> str:
        """See `ports.ChannelPort`."""
        return "scripted"

    async def send(self, letter: Letter) -> Outcome:
        """Answers what the script says."""
        self.letters.append(letter)
        return self._answer(letter)

    async def close(self) -> None:
        """Notes it."""
        self.is_closed = True


def _in_turn(outcomes: Iterable[Outcome]) -> Script:
    left = iter(outcomes)

    def answer(letter: Letter) -> Outcome:
        return next(left, Accepted(str(letter.id)))

    return answer
