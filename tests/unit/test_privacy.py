"""The key ring and what it seals."""

import base64
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidTag

from healthnotify.apps.privacy import keyring
from healthnotify.domain.errors import Misconfigured

KEY = base64.b64encode(b"k" * 32).decode()
OTHER = base64.b64encode(b"o" * 32).decode()


def test_a_token_opens_for_its_row_only():
    key, _ = keyring.parse(f"a:{KEY}").make(uuid4())
    token = key.seal("Ten minutes outside?", "notifications.message:1")

    assert key.open(token, "notifications.message:1") == "Ten minutes outside?"
    with pytest.raises(InvalidTag):
        key.open(token, "notifications.message:2")


def test_the_same_text_never_makes_the_same_token():
    key, _ = keyring.parse(f"a:{KEY}").make(uuid4())

    assert key.seal("x", "row") != key.seal("x", "row")


def test_a_changed_token_does_not_open():
    key, _ = keyring.parse(f"a:{KEY}").make(uuid4())
    version, name, nonce, text = key.seal("hello", "row").split(":")
    raw = bytearray(base64.urlsafe_b64decode(text))
    raw[0] ^= 1

    with pytest.raises(InvalidTag):
        key.open(":".join((version, name, nonce, base64.urlsafe_b64encode(raw).decode())), "row")


def test_a_user_key_is_unwrapped_by_name_after_the_ring_has_a_newer_one():
    user_id = uuid4()
    key, wrapped = keyring.parse(f"old:{KEY}").make(user_id)

    again = keyring.parse(f"new:{OTHER},old:{KEY}").unwrap(user_id, wrapped)

    assert again.open(key.seal("x", "row"), "row") == "x"


def test_a_ring_without_the_key_says_which_one_is_missing():
    user_id = uuid4()
    _, wrapped = keyring.parse(f"old:{KEY}").make(user_id)

    with pytest.raises(Misconfigured, match="ENCRYPTION_KEYS: the key 'old' is missing"):
        keyring.parse(f"new:{OTHER}").unwrap(user_id, wrapped)


@pytest.mark.parametrize("user_id", [uuid4()])
def test_another_key_under_the_same_name_is_told_apart(user_id):
    _, wrapped = keyring.parse(f"a:{KEY}").make(user_id)

    with pytest.raises(Misconfigured, match="is not the one that sealed"):
        keyring.parse(f"a:{OTHER}").unwrap(user_id, wrapped)


def test_a_wrapped_key_belongs_to_its_user():
    _, wrapped = keyring.parse(f"a:{KEY}").make(uuid4())

    with pytest.raises(Misconfigured):
        keyring.parse(f"a:{KEY}").unwrap(uuid4(), wrapped)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "empty"),
        ("", "empty"),
        (KEY, "not made of name:key pairs"),
        ("a:", "0 bytes"),
        ("a:!!!", "not base64"),
        (f"a:{base64.b64encode(b'short').decode()}", "5 bytes"),
        (f"a:{KEY},a:{OTHER}", "twice"),
        (f"a:{KEY},", "empty"),
    ],
)
def test_a_malformed_ring_is_refused_without_showing_a_key(text, problem):
    with pytest.raises(Misconfigured, match=problem) as refusal:
        keyring.parse(text)

    assert KEY not in str(refusal.value)
    assert "32 random bytes" in str(refusal.value)


def test_neither_ring_nor_key_shows_itself():
    ring = keyring.parse(f"a:{KEY}")
    key, _ = ring.make(uuid4())

    assert repr(ring) == "KeyRing()"
    assert repr(key) == "UserKey()"


def test_what_belongs_to_the_installation_opens_for_its_row_and_after_a_change_of_keys():
    token = keyring.parse(f"a:{KEY}").seal("an answer", "kept_answers.answer:1")

    assert keyring.parse(f"b:{OTHER},a:{KEY}").open(token, "kept_answers.answer:1") == "an answer"
    with pytest.raises(Misconfigured, match="'a' is missing"):
        keyring.parse(f"b:{OTHER}").open(token, "kept_answers.answer:1")
    with pytest.raises(Misconfigured):
        keyring.parse(f"a:{KEY}").open(token, "kept_answers.answer:2")
