"""The real verbs, and the real workers, on twins that write down what they do."""

from contextlib import contextmanager

from healthnotify.adapters.memory.road import MemoryLog, MemoryRoad
from healthnotify.domain.model import Channel
from healthnotify.domain.routing import PROMISES
from healthnotify.pipeline.ports import DueIndex, Topic
from tests.builders import a_person, a_preference
from tests.model.recording import SpyChannel, SpyIntake, SpyRoad, SpyStaging, SpyStore, Trace
from tests.model.scenarios import ALL_FAULTS, Scenario
from tests.world import World


def scenario(
    channel: Channel = Channel.EMAIL,
    notifications: int = 1,
    *,
    cached: bool = True,
    kinds: frozenset[str] = ALL_FAULTS,
) -> Scenario:
    """All that the model can do, with offsets and commits as they are; without a cache when Redis is away."""
    return Scenario(
        "a record",
        PROMISES[channel],
        notifications=notifications,
        tries=3,
        faults=9,
        sweeps=True,
        redrives=1,
        deferrals=2,
        withholds=True,
        cached=cached,
        kinds=kinds,
        exact=True,
    )


class RecordedWorld(World):
    """A test's world whose effects are written down."""

    def __init__(self, channel: Channel = Channel.EMAIL) -> None:
        super().__init__()
        self.trace = Trace()
        self.log = MemoryLog(partitions=1)
        self.store = SpyStore(self.store, self.trace, self._acting)
        self.staging = SpyStaging(self.staging, self.trace, self._acting)
        self.road = SpyRoad(MemoryRoad(self.log, clock=lambda: self.now), self.trace, self._acting)
        self.retries = SpyIntake(self.log, Topic.RETRY, self.trace, "retry consumer")
        self._way = channel
        self._waiting = []
        self.begin_anew()

    def begin_anew(self) -> None:
        """A consumer with nothing in its memory; what its predecessor had finished and not committed is forgotten."""
        group = self.log.groups[Topic.DAILY]
        if group.members:
            self.trace.note("consumer", "is killed")
            group.members.clear()
        self.daily = SpyIntake(self.log, Topic.DAILY, self.trace, "consumer")

    def one(self, **but):
        """One notification, staged and due."""
        (entry,) = self.stage(a_person(preferences=(a_preference(self._way),), **but))
        self.trace.number(entry.id)
        return entry

    @contextmanager
    def acting(self, who: str):
        """What happens meanwhile is that process's doing."""
        self.trace.who, before = who, self.trace.who
        yield
        self.trace.who = before

    def _acting(self) -> str:
        return self.trace.who

    # as in the world without a pen, each under its own name

    def publish(self, index=DueIndex.DAILY):
        with self.acting("producer" if index is DueIndex.DAILY else "republisher"):
            return super().publish(index)

    def claim(self, arrivals):
        with self.acting("consumer"):
            return super().claim(arrivals)

    async def send(self, taken):
        plain, self.channel = self.channel, SpyChannel(self.channel, self.trace, lambda: "consumer", self._way)
        try:
            return await super().send(taken)
        finally:
            self.channel = plain

    def settle(self, sent):
        with self.acting("consumer"):
            return super().settle(sent)

    def retry(self, dice=0.5):
        with self.acting("retry consumer"):
            return super().retry(dice)

    def bury(self, *records):
        with self.acting("retry consumer" if records[0].position.topic == Topic.RETRY else "consumer"):
            return super().bury(*records)

    def sweep(self):
        with self.acting("sweeper"):
            return super().sweep()


class RecordedApp:
    """What one worker gets of a test's app: its effects are written down under its name."""

    def __init__(self, app, trace: Trace, who: str) -> None:
        self._app, self._trace, self._name = app, trace, who
        self.store = SpyStore(app.store, trace, self._who)
        self.staging = SpyStaging(app.staging, trace, self._who)
        self.road = SpyRoad(app.road, trace, self._who)

    def __getattr__(self, name: str) -> object:
        return getattr(self._app, name)

    def channels(self):
        """As the app's."""
        plain = self._app.channels()
        return {channel: SpyChannel(port, self._trace, self._who, channel) for channel, port in plain.items()}

    def ways(self, *args, **kwargs):
        """As the app's."""
        return self._app.ways(*args, **kwargs)

    def intake(self, topic):
        """As the app's."""
        return SpyIntake(self._app.log, topic, self._trace, self._name)

    def _who(self) -> str:
        return self._name
