"""The send: the one effect that cannot be taken back, and who may say no at the last moment."""

from datetime import datetime, timedelta
from typing import Final

from healthnotify.domain.delivery import (
    Envelope,
    Failure,
    FailureKind,
    Letter,
    Outcome,
    Person,
)
from healthnotify.domain.model import Withheld
from healthnotify.domain.routing import settled
from healthnotify.pipeline.deliver.nouns import Delivering, Held, Sent, Ways
from healthnotify.pipeline.deliver.taking import STOP_REST, STOPPED
from healthnotify.pipeline.ports import ChannelPort

#: A send that could outlast its lease is put off instead: then nobody can take the claim over while it is under way.
TOO_LATE_TO_SEND: Final = "lease_too_short"
#: The operator may add the channel before the tries are used up, and redrive what came too early.
NOT_CONFIGURED: Final = "channel_not_configured"
#: Its provider is left alone just now.
BREAKER_OPEN: Final = "breaker_open"
#: This process had more letters than ways to send them, which says nothing about the provider.
OUR_OWN: Final = ("smtp_busy",)


async def send(held: Held, *, ways: Ways, delivering: Delivering) -> Sent:
    """Hand one claimed message to its channel, when it is its turn and nobody says no."""
    envelope = held.claim.envelope
    channel = ways.channels.get(envelope.channel)
    if channel is None:
        return Sent(held, Failure(FailureKind.TRANSIENT, NOT_CONFIGURED))
    return await _in_turn(held, channel, ways, delivering)


async def _in_turn(held: Held, channel: ChannelPort, ways: Ways, delivering: Delivering) -> Sent:
    envelope = held.claim.envelope
    async with ways.turns[envelope.channel]:
        now, lease_until = ways.clock(), held.claim.lease_until
        assert lease_until is not None
        if now + delivering.send_timeout > lease_until:
            return Sent(held, Failure(FailureKind.DEFERRED, TOO_LATE_TO_SEND, until=now))
        if now >= envelope.expires_at:
            return Sent(held, Withheld.EXPIRED)
        if ways.stops().hold(envelope.channel, envelope.category):
            return Sent(held, Failure(FailureKind.DEFERRED, STOPPED, until=now + STOP_REST))
        return await _send(held, channel, now, ways)


async def _send(held: Held, channel: ChannelPort, now: datetime, ways: Ways) -> Sent:
    person = held.claim.person
    assert person is not None
    letter = _letter(held.claim.envelope, person)
    provider = channel.provider(letter)
    if rest := await ways.breakers.ask(provider):
        until = now + timedelta(seconds=rest * (1 + ways.dice()))  # not all of them at the moment when it ends
        return Sent(held, Failure(FailureKind.DEFERRED, BREAKER_OPEN, until=until))
    outcome = await channel.send(letter)
    if not (isinstance(outcome, Failure) and outcome.reason in OUR_OWN):
        await ways.breakers.tell(provider, good=_is_good(outcome))
    return Sent(held, settled(outcome, held.claim.envelope.channel))


def _is_good(outcome: Outcome) -> bool:
    """Whether the provider does its work: to refuse a message for good is work, too."""
    return not (isinstance(outcome, Failure) and outcome.kind in (FailureKind.TRANSIENT, FailureKind.UNKNOWN))


def _letter(envelope: Envelope, person: Person) -> Letter:
    return Letter(
        id=envelope.id,
        user_id=envelope.user_id,
        category=envelope.category,
        address=person.address,
        locale=person.locale,
        subject=person.subject,
        text=person.text,
    )
