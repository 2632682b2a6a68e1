"""People who are due over the next seconds, entered as the API enters them; nothing here knows what becomes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from healthnotify import bootstrap
from healthnotify.apps.users import people
from healthnotify.domain.model import Category, Channel, Goal
from healthnotify.domain.people import NewGoal, NewPerson, NewPreference
from healthnotify.domain.schedule import zone

#: A name that stands nowhere but where a user is greeted: it must be in no log, no record, no dead letter.
CANARY = "Quillonia"
ZONES = ("Europe/Berlin", "Asia/Kolkata", "America/New_York", "UTC")
#: How the channels are mixed, unless a fault says otherwise.
MIX: Mapping[Channel, float] = {Channel.EMAIL: 0.4, Channel.WEBHOOK: 0.35, Channel.SMS: 0.25}


@dataclass
class Load:
    """Who was entered, and for which channel: one notification each."""

    asked: dict[UUID, Channel] = field(default_factory=dict)
    last_due: datetime | None = None

    def enter(
        self,
        count: int,
        *,
        begins: datetime,
        seconds: float,
        hook: str,
        dice: Random,
        mix: Mapping[Channel, float] = MIX,
    ) -> list[UUID]:
        """`count` people whose time comes evenly over `seconds` from `begins` on, in whole seconds."""
        channels = dice.choices(list(mix), list(mix.values()), k=count)
        some = [
            _somebody(channel, begins + timedelta(seconds=seconds * place / count), hook, dice)
            for place, channel in enumerate(channels)
        ]
        entered = people.enter(
            [people.checked(person, http_webhooks=True) for person in some], now=bootstrap.now(), ring=bootstrap.ring()
        )
        ids = [user_id for user_id in entered if user_id is not None]
        assert len(ids) == count, "each has an external id that nobody had before"
        self.asked |= dict(zip(ids, channels, strict=True))
        self.last_due = max(filter(None, (self.last_due, begins + timedelta(seconds=seconds))))
        return ids


def _somebody(channel: Channel, due: datetime, hook: str, dice: Random) -> NewPerson:
    mark = f"{dice.getrandbits(64):016x}"
    timezone = dice.choice(ZONES)
    wall = due.astimezone(zone(timezone)).time().replace(microsecond=0)
    addresses = {
        Channel.EMAIL: f"chaos-{mark}@example.org",
        Channel.WEBHOOK: f"{hook}/{mark}",
        Channel.SMS: f"+1202555{dice.randrange(100, 200):04}",
    }
    return NewPerson(
        external_id=f"chaos-{mark}",
        name=CANARY,
        timezone=timezone,
        addresses={channel: addresses[channel]},
        goals=(NewGoal(dice.choice(tuple(Goal)), target=8, progress=3),),
        preferences=(NewPreference(Category.NUDGE, channel, (wall,)),),
    )
