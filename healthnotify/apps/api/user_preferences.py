"""What a user wants, by category and channel: list, read, set, take away."""

from dataclasses import replace
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from healthnotify.apps.api import users_examples as examples
from healthnotify.apps.api import users_given as given
from healthnotify.apps.api import users_shown as shown
from healthnotify.apps.api.conditional import check_if_match, with_etag
from healthnotify.apps.api.view import ApiView
from healthnotify.apps.notifications.replanning import Key
from healthnotify.apps.users import changes, reading
from healthnotify.domain.errors import Missing
from healthnotify.domain.model import Category, Channel
from healthnotify.domain.people import NewPerson, NewPreference


class Preferences(ApiView):
    """All preferences of a user."""

    @extend_schema(
        summary="List a user's preferences",
        description="All of them, by category and channel. Without one, nothing is sent by itself.",
        responses={200: shown.PreferencesShown},
        examples=[examples.told("One preference", {"items": [examples.PREFERENCE]})],
    )
    def get(self, _request: Request, user_id: UUID) -> Response:
        """All of them."""
        found = reading.preferences_of(user_id)
        return with_etag(Response({"items": [shown.preference(known) for known in found]}))


class OnePreference(ApiView):
    """What a user wants in one category over one channel."""

    @extend_schema(
        summary="Read a preference of a user",
        description="What they want in one category over one channel, and when they hear from us next.",
        responses={200: shown.PreferenceShown},
        examples=[examples.told("A preference", examples.PREFERENCE)],
    )
    def get(self, _request: Request, user_id: UUID, category: str, channel: str) -> Response:
        """One of them."""
        key = _key(category, channel)
        for known in reading.preferences_of(user_id):
            if known.wish.key == key:
                return with_etag(Response(shown.preference(known)))
        raise _missing(key)

    @extend_schema(
        summary="Set a preference of a user",
        description="Adds or replaces it; the user needs an address on that channel. What is planned at other times "
        "and not sent yet is `CANCELLED` (`superseded`) and planned anew, never twice for one occasion of a local "
        "date. `enabled: false` cancels all that waits (`opted_out`).",
        request=given.PreferenceGiven,
        responses={200: shown.PreferenceShown, 201: shown.PreferenceShown},
        examples=[
            examples.asked("Three mornings a week", examples.PREFERENCE_BODY),
            examples.told("The preference", examples.PREFERENCE),
        ],
    )
    def put(self, request: Request, user_id: UUID, category: str, channel: str) -> Response:
        """All of it."""
        key = _key(category, channel)
        wish = given.preference(*key, self.given(given.PreferenceGiven))
        was_there = False

        def alter(before: changes.Before) -> NewPerson:
            nonlocal was_there
            was_there = _look(request, before, key)
            return replace(before.person, preferences=(*_but(before, key), wish))

        changed = self._change(user_id, alter, key)
        return with_etag(Response(shown.preference(changed.preferences[key]), status=200 if was_there else 201))

    @extend_schema(
        summary="Take a preference from a user",
        description="What was planned for it is cancelled (`opted_out`). To stop for a while, set `enabled` to false.",
        responses={204: None},
    )
    def delete(self, request: Request, user_id: UUID, category: str, channel: str) -> Response:
        """Nothing is sent for it any more."""
        key = _key(category, channel)

        def alter(before: changes.Before) -> NewPerson:
            if not _look(request, before, key):
                raise _missing(key)
            return replace(before.person, preferences=_but(before, key))

        self._change(user_id, alter, key)
        return Response(status=204)

    def _change(self, user_id: UUID, alter: changes.Alter, key: Key) -> changes.Changed:
        wired = self.wired
        with given.rooted({f"preferences.{key[0]}.{key[1]}": ""}):
            changed = changes.change(user_id, alter, now=self.now, ring=wired.ring, http_webhooks=wired.http_webhooks)
        self.log_steps(changed.steps)
        return changed


def _key(category: str, channel: str) -> Key:
    if category not in list(Category):
        raise Missing("category", category)
    if channel not in list(Channel):
        raise Missing("channel", channel)
    return Category(category), Channel(channel)


def _missing(key: Key) -> Missing:
    return Missing("preference", f"{key[0]} over {key[1]}")


def _look(request: Request, before: changes.Before, key: Key) -> bool:
    known = before.preferences.get(key)
    check_if_match(request, known and shown.preference(known))
    return known is not None


def _but(before: changes.Before, key: Key) -> tuple[NewPreference, ...]:
    return tuple(wish for wish in before.person.preferences if wish.key != key)
