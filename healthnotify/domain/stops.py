"""What an operator has stopped: nothing of it is sent until they let it go on."""

from collections.abc import Iterable
from dataclasses import dataclass

from healthnotify.domain.model import Category, Channel


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop: of a channel, of a category, or, without either, of everything."""

    channel: Channel | None = None
    category: Category | None = None


@dataclass(frozen=True, slots=True)
class Stops:
    """All stops that are in force."""

    everything: bool = False
    channels: frozenset[Channel] = frozenset()
    categories: frozenset[Category] = frozenset()

    @classmethod
    def of(cls, stops: Iterable[Stop]) -> "Stops":
        """Taken together."""
        all_of_them = list(stops)
        return cls(
            everything=any(one.channel is None and one.category is None for one in all_of_them),
            channels=frozenset(one.channel for one in all_of_them if one.channel is not None),
            categories=frozenset(one.category for one in all_of_them if one.category is not None),
        )

    def hold(self, channel: Channel, category: Category) -> bool:
        """Whether such a notification must wait."""
        return self.everything or channel in self.channels or category in self.categories


NOTHING_STOPPED = Stops()
