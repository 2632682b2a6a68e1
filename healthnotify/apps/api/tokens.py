"""Tokens for people: a log-in with a password, its renewal, its end."""

from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from healthnotify.apps.access import tokens
from healthnotify.apps.access.authentication import CHALLENGE
from healthnotify.apps.access.login import Refused, let_in
from healthnotify.apps.api.fields import StrictSerializer
from healthnotify.apps.api.plain_fields import ProseField
from healthnotify.apps.api.view import ApiView

LONGEST = 4096  # characters of a token or a password; more is none of ours


class Credentials(StrictSerializer):
    """Who logs in."""

    username = ProseField(max_length=64, help_text="The operator's name.")
    password = ProseField(max_length=1024, trim_whitespace=False, help_text="Their password.")


class RefreshToken(StrictSerializer):
    """The longer token of a pair."""

    refresh = ProseField(max_length=LONGEST, help_text="The `refresh` of the pair that was handed out last.")


class TokenPair(serializers.Serializer[Any]):
    """What a log-in hands out."""

    access = serializers.CharField(help_text="Send it as `Authorization: Bearer …`.")
    refresh = serializers.CharField(help_text="Renews the pair, once; keep it as you would the password.")
    expires_in = serializers.IntegerField(help_text="Seconds until `access` expires.")


PAIR = OpenApiExample(
    "A pair",
    {"access": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "refresh": "eyJhbGciOiJIUzI1NiJ9.e30.bmF0", "expires_in": 600},
    response_only=True,
    status_codes=["200"],
)


class _Open(ApiView):
    """Without authentication: an old token sent along is no reason to refuse a new one."""

    authentication_classes: ClassVar[list[Any]] = []

    def get_authenticate_header(self, _request: Request) -> str:
        """So that a wrong password is 401, as it would be with authentication."""
        return CHALLENGE


class Tokens(_Open):
    """The log-in."""

    @extend_schema(
        summary="Log in",
        description="Hands out tokens for an operator. After five wrong passwords from one address that operator is "
        "locked out from there for a quarter of an hour (429), with the right password, too. `Idempotency-Key` is not "
        "looked at: nothing of this is kept.",
        request=Credentials,
        responses={200: TokenPair},
        examples=[
            OpenApiExample("Log in", {"username": "admin", "password": "the one that was shown"}, request_only=True),
            PAIR,
        ],
    )
    def post(self, request: Request) -> Response:
        """Tokens for a password."""
        given = self.given(Credentials)
        operator = let_in(request._request, given["username"], given["password"])  # noqa: SLF001 - axes marks it
        if isinstance(operator, Refused):
            if operator.retry_after is not None:
                raise Throttled(operator.retry_after, "Too many failures, or too many tries; wait, then try again.")
            raise AuthenticationFailed("The username or the password is wrong.")
        with transaction.atomic():
            tokens.forget_old(self.now)
            pair = tokens.hand_out(operator)
        return _answer(pair)


class TokensRefresh(_Open):
    """The renewal."""

    @extend_schema(
        summary="Renew a pair of tokens",
        description="Each `refresh` works once; the new pair ends when the first one would have, twelve hours after "
        "the log-in. A new password, or a deactivated operator, ends all of them.",
        request=RefreshToken,
        responses={200: TokenPair},
        examples=[OpenApiExample("Renew", {"refresh": "eyJhbGciOiJIUzI1NiJ9.e30.bmF0"}, request_only=True), PAIR],
    )
    def post(self, _request: Request) -> Response:
        """Another pair."""
        pair = tokens.renew(self.given(RefreshToken)["refresh"])
        if pair is None:
            raise AuthenticationFailed("This token renews nothing: it is malformed, used, revoked or expired.")
        return _answer(pair)


class TokensRevoke(_Open):
    """The log-out."""

    @extend_schema(
        summary="Log out",
        description="The pair cannot be renewed any more; its `access` goes on until it expires, ten minutes at most. "
        "Tokens that are none of ours are answered the same.",
        request=RefreshToken,
        responses={204: None},
        examples=[OpenApiExample("Log out", {"refresh": "eyJhbGciOiJIUzI1NiJ9.e30.bmF0"}, request_only=True)],
    )
    def post(self, _request: Request) -> Response:
        """Nothing."""
        tokens.take_back(self.given(RefreshToken)["refresh"])
        return Response(status=204)


def _answer(pair: tokens.Pair) -> Response:
    """Nobody on the way may keep it (RFC 6749, 5.1)."""
    shown = {"access": pair.access, "refresh": pair.refresh, "expires_in": pair.expires_in}
    return Response(shown, headers={"Cache-Control": "no-store"})
