"""The wire form: what is ours survives the journey, what is not becomes poison with a reason, and nothing raises."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthnotify.adapters.envelope import KEPT, LARGEST, NOT_A_CODE, decode, decode_buried, encode, encode_buried
from healthnotify.domain.delivery import Envelope, Failure, FailureKind, Poison, Position, Record
from healthnotify.domain.model import Category, Channel

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SPAN = bytes.fromhex("00f067aa0ba902b7")
SENT = Envelope(
    UUID("0b9f3c5e-6a51-5f0e-8a3e-1d3e5a0c7b11"),
    uuid4(),
    Category.DIGEST,
    Channel.SMS,
    2,
    NOW,
    NOW + timedelta(hours=4),
)

instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
failures = st.builds(
    Failure,
    st.sampled_from(FailureKind),
    st.from_regex(r"[a-z0-9_]{1,80}", fullmatch=True),
    st.none() | st.timedeltas(timedelta(0), timedelta(days=400)),
    st.none() | instants,
)
envelopes = st.builds(
    Envelope,
    st.uuids(),
    st.uuids(),
    st.sampled_from(Category),
    st.sampled_from(Channel),
    st.integers(0, 1000),
    instants,
    instants,
    st.none() | failures,
)


def body_of(**changes: object) -> bytes:
    """Our body for `SENT` with some fields changed; None takes a field out."""
    fields = json.loads(encode(SENT, "t", NOW, SPAN)[1]) | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def reason_of(body: bytes | None) -> str:
    poison = decode(body)
    assert isinstance(poison, Poison)
    assert poison.raw == (body or b"")
    return poison.reason


@given(envelopes)
def test_every_envelope_survives_the_journey(envelope: Envelope) -> None:
    assert decode(encode(envelope, "notifications.daily", NOW, SPAN)[1]) == envelope


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    assert isinstance(decode(body), Poison)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["version", *Envelope.__dataclass_fields__]), json_values)
def test_no_value_of_a_field_makes_it_raise(field: str, value: object) -> None:
    decode(json.dumps(json.loads(body_of()) | {field: value}).encode())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "missing_body"),
        (b"", "missing_body"),
        (b"x" * (LARGEST + 1), "oversized"),
        (b"\xff\xfe", "bad_json"),
        (body_of()[:-3], "bad_json"),
        (body_of() + b"{}", "bad_json"),
        (b'{"version":1,"x":' + b"[" * (LARGEST // 2), "bad_json"),
        (b"[]", "wrong_schema"),
        (body_of(id=None), "wrong_schema"),
        (body_of(version=None), "wrong_schema"),
        (body_of(channel="pigeon"), "wrong_schema"),
        (body_of(attempt=-1), "wrong_schema"),
        (body_of(attempt=2**31), "wrong_schema"),
        (body_of(send_at="2026-11-23T09:00:00"), "wrong_schema"),
        (body_of(send_at="0001-01-01T00:00:00+14:00"), "wrong_schema"),
        (body_of(version=2), "unknown_version"),
        (b'{"version":2}', "unknown_version"),
    ],
)
def test_what_is_not_ours_is_poison_with_a_reason(body: bytes | None, reason: str) -> None:
    assert reason_of(body).startswith(f"{reason}:")


def test_a_reason_names_the_field_and_never_its_value() -> None:
    reason = reason_of(body_of(channel="canary' \"person\" 'x"))

    assert "$.channel" in reason
    assert "canary" not in reason
    assert "person" not in reason


def test_fields_of_a_later_program_are_passed_over() -> None:
    assert decode(body_of(priority="high")) == SENT


def test_instants_arrive_in_utc() -> None:
    there = timezone(timedelta(hours=-5))
    arrived = decode(body_of(send_at=NOW.astimezone(there).isoformat()))

    assert isinstance(arrived, Envelope)
    assert arrived.send_at == NOW
    assert arrived.send_at.tzinfo is UTC


def test_the_key_is_the_user_and_the_headers_are_cloudevents_and_a_trace() -> None:
    key, _, headers = encode(SENT, "notifications.daily", NOW, SPAN)

    assert key == str(SENT.user_id).encode()
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": f"{SENT.id}:2:notifications.daily".encode(),
        "ce_source": b"/healthnotify",
        "ce_type": b"healthnotify.notification.v1",
        "ce_time": b"2026-11-23T09:00:00+00:00",
        "content-type": b"application/json",
        "traceparent": b"00-0b9f3c5e6a515f0e8a3e1d3e5a0c7b11-00f067aa0ba902b7-01",
    }


@pytest.mark.parametrize("said", ["550 <canary@example.com> unknown", "Canary Person", "", "x" * 81, "código"])
def test_a_reason_that_is_not_a_code_does_not_travel(said: str) -> None:
    _, body, _ = encode(
        Envelope(SENT.id, SENT.user_id, SENT.category, SENT.channel, 1, NOW, NOW, Failure(FailureKind.PERMANENT, said)),
        "t",
        NOW,
        SPAN,
    )

    assert json.loads(body)["failure"]["reason"] == NOT_A_CODE


def test_the_wire_form_has_no_field_for_a_person() -> None:
    assert set(json.loads(body_of())) == {
        *("version", "id", "user_id", "category", "channel", "attempt", "send_at", "expires_at")
    }


@pytest.mark.parametrize("size", [3, KEPT, KEPT + 1, 900_000])
def test_a_buried_record_keeps_its_place_its_first_bytes_and_the_hash_of_all(size: int) -> None:
    raw = bytes(index % 251 for index in range(size))
    record = Record(Position("notifications.daily", 3, 41), Poison(raw, "bad_json: no"))

    key, body, headers = encode_buried(record, NOW)

    assert key == b"notifications.daily/3/41"
    assert dict(headers)["ce_type"] == b"healthnotify.poison.v1"
    buried = decode_buried(body)
    assert (buried.topic, buried.partition, buried.offset, buried.reason) == (
        *("notifications.daily", 3, 41),
        "bad_json: no",
    )
    assert (buried.size, buried.sha256, buried.raw) == (size, hashlib.sha256(raw).hexdigest(), raw[:KEPT])
    assert msgspec.json.decode(body)["raw"] == base64.b64encode(raw[:KEPT]).decode()
    assert len(body) < 2 * KEPT
