"""The wire form of what travels through Kafka: JSON bodies of frozen, versioned structs, CloudEvents headers.

It holds ids, codes and times; there is no field that a name, an address or a text could be put in.
"""

import hashlib
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

from healthnotify.domain.delivery import Envelope, Failure, FailureKind, Poison, Record
from healthnotify.domain.model import Category, Channel

Headers = list[tuple[str, str | bytes | None]]  # as librdkafka's binding types them; ours are bytes
Wire = tuple[bytes, bytes, Headers]  # key, body, headers

SOURCE: Final = b"/healthnotify"
ENVELOPE_TYPE: Final = b"healthnotify.notification.v1"
BURIED_TYPE: Final = b"healthnotify.poison.v1"

LARGEST: Final = 64 * 1024  #: bytes of a body; ours have some 400
KEPT: Final = 16 * 1024  #: bytes of a foreign body that a dead letter keeps

NOT_A_CODE: Final = "not_a_code"
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_QUOTED: Final = re.compile("[\"'].*[\"']", re.DOTALL)

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Attempt = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class FailureV1(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why the last try did not succeed."""

    kind: FailureKind
    reason: str
    retry_after: timedelta | None = None
    until: Instant | None = None


class EnvelopeV1(msgspec.Struct, frozen=True, omit_defaults=True):
    """Version 1. A field may be added with a default, and readers pass over fields they do not know; anything else
    is version 2, and then version 1 is still read for as long as records of it can be on the road."""

    version: Literal[1]
    id: UUID
    user_id: UUID
    category: Category
    channel: Channel
    attempt: Attempt
    send_at: Instant
    expires_at: Instant
    failure: FailureV1 | None = None


class BuriedV1(msgspec.Struct, frozen=True):
    """A record that is not ours, as the dead-letter topic keeps it: its place, why, and its first 16 KiB (base64)."""

    version: Literal[1]
    topic: str
    partition: int
    offset: int
    reason: str
    size: int  #: bytes, of the whole body
    sha256: str  #: of the whole body
    raw: bytes


class _Version(msgspec.Struct):
    version: int


_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_encode = msgspec.json.Encoder().encode
_decode_envelope = msgspec.json.Decoder(EnvelopeV1).decode
_decode_version = msgspec.json.Decoder(_Version).decode
decode_buried = msgspec.json.Decoder(BuriedV1).decode


def encode(envelope: Envelope, topic: str, now: datetime, span: bytes) -> Wire:
    """Key (the user's id, so that one user's records keep their order), body and headers.

    `span` is 8 random bytes, the W3C span id; the trace id is the notification's id, so that one trace shows its life.
    """
    body = EnvelopeV1(
        1,
        envelope.id,
        envelope.user_id,
        envelope.category,
        envelope.channel,
        envelope.attempt,
        envelope.send_at,
        envelope.expires_at,
        _failure_to_wire(envelope.failure),
    )
    headers = _headers(ENVELOPE_TYPE, f"{envelope.id}:{envelope.attempt}:{topic}", now)
    headers.append(("traceparent", b"00-%b-%b-01" % (envelope.id.hex.encode(), span.hex().encode())))
    return str(envelope.user_id).encode(), _encode(body), headers


def decode(value: bytes | None) -> Envelope | Poison:
    """What a body says. Never raises: what is not ours is `Poison` with a reason, `code: detail`.

    The body alone decides: headers may be lost when a topic is mirrored or replayed. The detail names fields, never
    their values, because a foreign record may hold anything, and reasons are logged.
    """
    if not value:
        return Poison(b"", "missing_body: a tombstone or an empty record")
    if len(value) > LARGEST:
        return Poison(value, f"oversized: {len(value)} bytes, {LARGEST} are allowed")
    try:
        return _from_wire(_decode_envelope(value))
    except (msgspec.ValidationError, OverflowError) as problem:
        return Poison(value, _schema_reason(value, problem))
    except _NOT_JSON as problem:
        return Poison(value, f"bad_json: {_without_values(problem)}")


def encode_buried(record: Record, now: datetime) -> Wire:
    """Key, body and headers of the dead letter of a record that is not ours."""
    place, poison = record.position, record.content
    if not isinstance(poison, Poison):
        raise TypeError(f"{place} holds an envelope; its failure is announced, not buried")
    body = BuriedV1(
        1,
        place.topic,
        place.partition,
        place.offset,
        poison.reason,
        len(poison.raw),
        hashlib.sha256(poison.raw).hexdigest(),
        poison.raw[:KEPT],
    )
    key = f"{place.topic}/{place.partition}/{place.offset}"
    return key.encode(), _encode(body), _headers(BURIED_TYPE, key, now)


def _headers(kind: bytes, event_id: str, now: datetime) -> Headers:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", SOURCE),
        ("ce_type", kind),
        ("ce_time", now.isoformat().encode()),
        ("content-type", b"application/json"),
    ]


def _failure_to_wire(failure: Failure | None) -> FailureV1 | None:
    """A reason that is not a code (a provider's sentence, say) could name a person, and is left out."""
    if failure is None:
        return None
    reason = failure.reason if _CODE.fullmatch(failure.reason) else NOT_A_CODE
    return FailureV1(failure.kind, reason, failure.retry_after, failure.until)


def _from_wire(wire: EnvelopeV1) -> Envelope:
    return Envelope(
        wire.id,
        wire.user_id,
        wire.category,
        wire.channel,
        wire.attempt,
        wire.send_at.astimezone(UTC),
        wire.expires_at.astimezone(UTC),
        _failure_from_wire(wire.failure),
    )


def _failure_from_wire(wire: FailureV1 | None) -> Failure | None:
    if wire is None:
        return None
    until = wire.until.astimezone(UTC) if wire.until else None
    return Failure(wire.kind, wire.reason, wire.retry_after, until)


def _schema_reason(value: bytes, problem: Exception) -> str:
    with suppress(*_NOT_JSON):
        if (version := _decode_version(value).version) != 1:
            return f"unknown_version: {version}, this program reads 1"
    return f"wrong_schema: {_without_values(problem)}"


def _without_values(problem: Exception) -> str:
    return _QUOTED.sub("...", str(problem))
