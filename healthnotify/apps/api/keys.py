"""API keys, for administrators: list, make, revoke."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from healthnotify.apps.access import keys
from healthnotify.apps.access.models import ApiKey
from healthnotify.apps.access.scopes import FOR_KEYS
from healthnotify.apps.api import example_ids
from healthnotify.apps.api.conditional import check_if_match, with_etag
from healthnotify.apps.api.fields import InstantField, LineField, StrictSerializer
from healthnotify.apps.api.idempotency import keeping, once
from healthnotify.apps.api.pagination import Cursor, PageQuery
from healthnotify.apps.api.view import ApiView
from healthnotify.domain.errors import Missing


class KeyRequest(StrictSerializer):
    """A key to make."""

    name = LineField(max_length=keys.LONGEST_NAME, help_text="What it is for.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[scope.value for scope in FOR_KEYS]),
        allow_empty=False,
        max_length=len(FOR_KEYS),
        help_text="What it may do; as little as will do.",
    )
    expires_at = InstantField(required=False, allow_null=True, help_text="When it ends; without it, never.")


class Key(serializers.Serializer[ApiKey]):
    """A key, without its text."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="The beginning of its text, after `hn_`: tells keys apart in logs.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=[scope.value for scope in FOR_KEYS]))
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")


class NewKey(Key):
    """A key with its text."""

    key = serializers.CharField(
        allow_null=True, help_text="The key itself, shown in this answer only; null where an answer is replayed."
    )


class KeyList(serializers.Serializer[Any]):
    """A page of keys."""

    items = Key(many=True)
    next = serializers.URLField(allow_null=True)


KNOWN = {
    "id": example_ids.KEY,
    "name": "billing",
    "prefix": "3f9c0a1b2c4d",
    "scopes": ["users:read"],
    "created_at": "2026-11-24T12:00:00Z",
    "created_by": "operator:admin",
    "expires_at": "2027-11-24T12:00:00Z",
    "revoked_at": None,
    "last_used_at": None,
}


class Keys(ApiView):
    """All keys."""

    asks: ClassVar = {"GET": PageQuery}

    @extend_schema(
        summary="List the API keys",
        description="Newest first, also those that have expired or were revoked. For administrators.",
        parameters=[PageQuery],
        responses={200: KeyList},
        examples=[OpenApiExample("One key", {"items": [KNOWN], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """A page."""
        cursor = Cursor.of(request, self.asked)
        rows = cursor.slice(ApiKey.objects.all(), "-created_at", "-id")
        return cursor.answer(rows, lambda row: (row.created_at, row.id), lambda page: Key(page, many=True).data)

    @extend_schema(
        summary="Make an API key",
        description="The answer holds the key's text. It is shown this once: what is kept here, also for a repeated "
        "`Idempotency-Key`, cannot be used. For administrators.",
        request=KeyRequest,
        responses={201: NewKey},
        examples=[
            OpenApiExample(
                "A key that reads users",
                {"name": "billing", "scopes": ["users:read"], "expires_at": "2099-01-01T00:00:00Z"},
                request_only=True,
            ),
            OpenApiExample(
                "The key",
                {**KNOWN, "key": "hn_3f9c0a1b2c4d_5lq0Zz5T8Yk3o1nJw4vB7xR2mC6dE9fH0gK3pL8sA1U"},
                response_only=True,
                status_codes=["201"],
            ),
        ],
    )
    @once
    def post(self, _request: Request) -> Response:
        """A new one."""
        given = self.given(KeyRequest)
        key, text = keys.make(
            given["name"], given["scopes"], by=self.actor, at=self.now, expires_at=given.get("expires_at")
        )
        shown = Key(key).data
        where = {"Location": reverse("api:key", [key.id]), "Cache-Control": "no-store"}
        return keeping(Response({**shown, "key": text}, status=201, headers=where), {**shown, "key": None})


class OneKey(ApiView):
    """One key."""

    @extend_schema(
        summary="Read an API key",
        description="Everything but its text. For administrators.",
        responses={200: Key},
        examples=[OpenApiExample("The key", KNOWN, response_only=True)],
    )
    def get(self, _request: Request, key_id: UUID) -> Response:
        """What is known of it."""
        return with_etag(Response(Key(_known(key_id)).data))

    @extend_schema(
        summary="Revoke an API key",
        description="It ends at once and for good. Revoking it again changes nothing. For administrators.",
        responses={204: None},
    )
    @transaction.atomic
    def delete(self, request: Request, key_id: UUID) -> Response:
        """It is no key any more."""
        check_if_match(request, Key(_known(key_id, lock=True)).data)
        keys.revoke(key_id, by=self.actor, at=self.now)
        return Response(status=204)


def _known(key_id: UUID, *, lock: bool = False) -> ApiKey:
    found = ApiKey.objects.select_for_update() if lock else ApiKey.objects
    key = found.filter(id=key_id).first()
    if key is None:
        raise Missing("key", key_id)
    return key
