"""The key ring of the installation: it wraps every user's data key and makes the blind index."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from healthnotify.apps.privacy.cipher import KEY_BYTES, Sealed, UserKey, fresh, seal
from healthnotify.domain.errors import Misconfigured

FIX: Final = "Give ENCRYPTION_KEYS as name:key pairs, newest first, each key 32 random bytes in base64"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Named keys, the newest first: it wraps with the first and unwraps with whichever the token names."""

    keys: dict[str, bytes] = field(repr=False)
    _ciphers: dict[str, AESGCM] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the ciphers, once."""
        object.__setattr__(self, "_ciphers", {name: AESGCM(key) for name, key in self.keys.items()})

    def make(self, user_id: UUID) -> tuple[UserKey, str]:
        """A fresh data key for a user, and its wrapped form for the table."""
        key = fresh()
        name = next(iter(self.keys))
        return UserKey(key), seal(key, self._ciphers[name], name, _about(user_id))

    def unwrap(self, user_id: UUID, wrapped: str) -> UserKey:
        """The user's data key. Raises `Misconfigured` when the ring lacks the key that wrapped it."""
        return UserKey(self._opened(wrapped, _about(user_id)))

    def seal(self, text: str, about: str) -> str:
        """The token of a text that belongs to the installation, not to one user; `about` names its row."""
        name = next(iter(self.keys))
        return seal(text.encode(), self._ciphers[name], name, about)

    def open(self, token: str, about: str) -> str:
        """The text of such a token. Raises `Misconfigured` when the ring lacks the key that sealed it."""
        return self._opened(token, about).decode()

    def blind_index(self, address: str) -> str:
        """What is stored beside a sealed address so that it can be found again: an HMAC under the newest key."""
        return self.blind_indexes(address)[0]

    def blind_indexes(self, address: str) -> list[str]:
        """The index of an address under every key of the ring, for a search while keys are changed."""
        canonical = address.strip().casefold().encode()
        return [f"{name}:{_hmac(key, canonical)}" for name, key in self.keys.items()]

    def _opened(self, token: str, about: str) -> bytes:
        sealed = Sealed.parse(token)
        name = sealed.key_name
        if name not in self.keys:
            raise Misconfigured("ENCRYPTION_KEYS", f"the key {name!r} is missing, and data is sealed with it", FIX)
        try:
            return sealed.open(self._ciphers[name], about)
        except InvalidTag:
            problem = f"the key named {name!r} is not the one that sealed the data"
            raise Misconfigured("ENCRYPTION_KEYS", problem, FIX) from None


def parse(text: str | None) -> KeyRing:
    """The ring from its setting. Raises `Misconfigured`; the message never shows a key."""
    keys: dict[str, bytes] = {}
    for part in (text or "").split(","):
        name, colon, encoded = part.strip().partition(":")
        if not (colon and name.isalnum()):
            raise Misconfigured("ENCRYPTION_KEYS", "it is empty or not made of name:key pairs", FIX)
        if name in keys:
            raise Misconfigured("ENCRYPTION_KEYS", f"the name {name!r} stands there twice", FIX)
        try:
            keys[name] = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise Misconfigured("ENCRYPTION_KEYS", f"the key {name!r} is not base64", FIX) from None
        if len(keys[name]) != KEY_BYTES:
            raise Misconfigured("ENCRYPTION_KEYS", f"the key {name!r} has {len(keys[name])} bytes, not 32", FIX)
    return KeyRing(keys)


def new_key(name: str) -> str:
    """A fresh `name:key` pair, as the setting wants it."""
    return f"{name}:{base64.b64encode(AESGCM.generate_key(KEY_BYTES * 8)).decode()}"


def _about(user_id: UUID) -> str:
    return f"data_keys:{user_id}"


def _hmac(key: bytes, message: bytes) -> str:
    """Under a key derived for this purpose, so that the wrapping key serves one algorithm only."""
    derived = hmac.digest(key, b"healthnotify blind index v1", hashlib.sha256)
    return base64.urlsafe_b64encode(hmac.digest(derived, message, hashlib.sha256)).decode().rstrip("=")
