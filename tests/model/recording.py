"""The twins with a pen: every effect is written down in the words of the model, in the order in which it was made."""

from collections.abc import Callable

from healthnotify.adapters.memory.road import MemoryIntake
from healthnotify.domain.delivery import OUTCOME_UNKNOWN, Accepted, DeadLetter, FailureKind
from healthnotify.domain.routing import settled
from healthnotify.pipeline.ports import Topic

TOPICS = {Topic.DAILY: "daily", Topic.RETRY: "retry", Topic.DEAD_LETTER: "dead-letter"}
Event = tuple[str, str, int, object, object]


class Trace:
    """What was done, by whom."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ids: list[object] = []
        self.who = "nobody"

    def number(self, key: object) -> int:
        """Which notification of the model that is."""
        if key not in self.ids:
            self.ids.append(key)
        return self.ids.index(key)

    def note(self, who: str, what: str, key: object = None, a: object = None, b: object = None) -> None:
        """One effect."""
        self.events.append((who, what, self.number(key) if key else 0, a, b))


class Spy:
    """A port that passes everything on; what its subclasses know, they note."""

    def __init__(self, port: object, trace: Trace, who: Callable[[], str]) -> None:
        self._port = port
        self._trace = trace
        self._who = who

    def __getattr__(self, name: str) -> object:
        return getattr(self._port, name)

    def note(self, what: str, key: object = None, a: object = None, b: object = None) -> None:
        """One effect of whoever is acting."""
        self._trace.note(self._who(), what, key, a, b)


class SpyStore(Spy):
    """The store."""

    def claim(self, asks, now, lease_until, *, alone=False):
        """One effect an ask."""
        with self._port.lock:
            claims = self._port.claim(asks, now, lease_until, alone=alone)
            for one in claims:
                self.note("claim", one.envelope.id, one.envelope.attempt, one.answer)
        return claims

    def put_off(self, deferrals, at):
        """Only what could be put off changes anything."""
        with self._port.lock:
            claims = self._port.put_off(deferrals, at)
            for one in claims:
                self.note("put_off", one.envelope.id, one.envelope.attempt, "deferred")
        return claims

    def complete(self, accepted, at):
        """Whether it moved."""
        return self._of_claims("complete", accepted, self._port.complete, at)

    def withhold(self, claims, at):
        """Whether it moved."""
        return self._of_claims("withhold", claims, self._port.withhold, at)

    def report(self, failures, at):
        """Whether it was ours to report."""
        with self._port.lock:
            found = self._port.report(failures, at)
            ours = {one.envelope.id for one in found}
            for key, (claim, _) in failures.items():
                self.note("report", key, claim.envelope.attempt, key in ours)
        return found

    def returned(self, announced, at):
        """Whether it moved."""
        asked = {claim.envelope.id: claim.envelope.attempt for claim, _ in announced}
        return self._moving("returned", asked, lambda: self._port.returned(announced, at))

    def published(self, index, announced, at):
        """Whether it moved."""
        asked = {one.envelope.id: one.envelope.attempt for one in announced}
        return self._moving("published", asked, lambda: self._port.published(index, announced, at))

    def swept(self, announced, at):
        """Whether it moved."""
        asked = {one.envelope.id: one.envelope.attempt for one in announced}
        return self._moving("swept", asked, lambda: self._port.swept(announced, at))

    def wait(self, until, at):
        """Whether it moved."""
        asked = {key: one.envelope.attempt for key, (one, _) in until.items()}
        return self._moving("wait", asked, lambda: self._port.wait(until, at))

    def give_up(self, letters, at):
        """Whether it moved."""
        asked = {one.envelope.id: one.envelope.attempt for one in letters}
        return self._moving("give_up", asked, lambda: self._port.give_up(letters, at))

    def bury(self, letters, at):
        """Whether a notification ended with it; whose it is only the store knows."""
        with self._port.lock:
            steps = self._port.bury(letters, at)
            ended = {step.id for step in steps}
            for _ in range(len([one for one in letters if one.unread_at]) - len(ended)):
                self.note("end", None, None, False)
            for key in ended:
                self.note("end", key, None, True)
        return steps

    def cancel(self, reasons, at):
        """Whether it moved; a cancellation names no attempt."""
        return self._moving("cancel", dict.fromkeys(reasons), lambda: self._port.cancel(reasons, at))

    def expire(self, now, limit):
        """What moved."""
        with self._port.lock:
            steps = self._port.expire(now, limit)
            for step in steps:
                self.note("expire", step.id)
        return steps

    def undecided(self, envelopes, at):
        """Whether it waits for a decision."""
        with self._port.lock:
            steps, waiting = self._port.undecided(envelopes, at)
            found = {one.envelope.id for one in waiting}
            for one in envelopes:
                self.note("undecided", one.id, one.attempt, one.id in found)
        return steps, waiting

    def redrive(self, ids, **how):
        """An operator's."""
        answers = self._port.redrive(ids, **how)
        for one in answers:
            if one.step:
                self._trace.note("operator", "redrive", one.id, one.step.attempt)
        return answers

    def _of_claims(self, what, claims, act, at):
        asked = {key: claim.envelope.attempt for key, (claim, _) in claims.items()}
        return self._moving(what, asked, lambda: act(claims, at))

    def _moving(self, what, asked, act):
        with self._port.lock:
            steps = act()
            moved = {step.id for step in steps}
            for key, attempt in asked.items():
                self.note(what, key, attempt, key in moved)
        return steps


class SpyRoad(Spy):
    """The road. What lies there without a report is noted as unheard."""

    def announce(self, topic, envelopes):
        """One effect a record."""
        with self._port._log.changed:
            announced = self._port.announce(topic, envelopes)
            heard = {one.envelope.id for one in announced}
            for one in envelopes:
                if one.id in heard:
                    self.note("announce", one.id, one.attempt, TOPICS[topic])
                elif _concerns(self._port.unheard, one.id):
                    self.note("announce unheard", one.id, one.attempt, TOPICS[topic])
        return announced

    def bury(self, records):
        """What is buried unread; nobody can say whose it is."""
        with self._port._log.changed:
            buried = self._port.bury(records)
            for one in buried:
                if DeadLetter(one.content.reason, record=one).unread_at:
                    self.note("bury", None, None, TOPICS[Topic.DEAD_LETTER])
        return buried


class SpyStaging(Spy):
    """The cache: what it was told last of each."""

    def follow(self, steps):
        """One effect a notification; whether it serves or not, it was told."""
        for key, after in {step.id: step.after for step in steps}.items():
            self.note("follow", key, after.value)
        self._port.follow(steps)


class SpyChannel(Spy):
    """The provider."""

    def __init__(self, port, trace, who, channel) -> None:
        super().__init__(port, trace, who)
        self._channel = channel

    async def send(self, letter):
        """What was heard of it."""
        outcome = await self._port.send(letter)
        made = settled(outcome, self._channel)
        lost = not isinstance(outcome, Accepted) and outcome.kind is FailureKind.UNKNOWN
        self.note("answer lost" if lost else "send", letter.id, None, _word(made))
        return outcome


class SpyIntake(MemoryIntake):
    """The intake: what is finished, and what is committed."""

    def __init__(self, log, topic, trace: Trace, who: str) -> None:
        super().__init__(log, topic)
        self._trace, self._who, self._name = trace, who, TOPICS[topic]

    def finish(self, records):
        """One effect a record."""
        with self._log.changed:
            for record in records:
                self._trace.note(self._who, "finish", None, record.position.offset, self._name)
            super().finish(records)

    def commit(self):
        """Only what is news to the group."""
        was = dict(self._group.committed)
        super().commit()
        for partition, offset in self._group.committed.items():
            if offset > was.get(partition, 0):
                self._trace.note(self._who, "commit", None, self._name, offset)


def _word(outcome) -> str:
    if isinstance(outcome, Accepted):
        return "accepted"
    return "unknown" if outcome.reason == OUTCOME_UNKNOWN else outcome.kind.value


def _concerns(some, whose) -> bool:
    return some is True or whose in some
