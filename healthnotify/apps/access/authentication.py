"""Who is calling the API with a key: `Authorization: Bearer hn_…`. What is not a key is left to those who follow."""

from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from healthnotify.apps.access import keys
from healthnotify.apps.access.models import ApiKey
from healthnotify.apps.access.scopes import Scope
from healthnotify.apps.wiring import wired

CHALLENGE: Final = 'Bearer realm="api"'  #: for `WWW-Authenticate` on a 401


@dataclass(frozen=True, slots=True)
class KeyCaller:
    """A program that came with a key; it is to a request what an operator is."""

    id: UUID
    actor: str  #: key:<prefix>
    scopes: frozenset[Scope]

    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True


class KeyAuthentication(BaseAuthentication):
    """Knows keys by their beginning, so that a JSON Web Token beside them costs no query."""

    def authenticate(self, request: Request) -> tuple[KeyCaller, ApiKey] | None:
        """The caller, or None where no key is given. One answer for every bad key: it tells nobody what is wrong."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.startswith(keys.MARK):
            return None
        key = keys.find(text, wired(request).now())
        if key is None:
            raise AuthenticationFailed("This API key is not valid: it is unknown, has expired or was revoked.")
        return KeyCaller(key.id, f"key:{key.prefix}", keys.scopes_of(key)), key

    def authenticate_header(self, _request: Request) -> str:
        """See `CHALLENGE`."""
        return CHALLENGE
