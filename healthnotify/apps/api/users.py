"""Users: list, enter, read, change, erase; and enter a thousand of them in one call."""

from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from healthnotify.apps.api import users_examples as examples
from healthnotify.apps.api import users_given as given
from healthnotify.apps.api import users_shown as shown
from healthnotify.apps.api.conditional import check_if_match, with_etag
from healthnotify.apps.api.idempotency import once, speaking_of
from healthnotify.apps.api.pagination import Cursor
from healthnotify.apps.api.problems import faults
from healthnotify.apps.api.view import ApiView
from healthnotify.apps.users import changes, erasure, people, reading
from healthnotify.domain.errors import BadInput, Rejected
from healthnotify.domain.people import NewPerson

BULK_LIMIT = 2 * 1024 * 1024  # bytes; a thousand users are half of that


class Users(ApiView):
    """All users."""

    asks: ClassVar = {"GET": given.UsersQuery}

    @extend_schema(
        summary="List users",
        description="In the order of `external_id`, without those who were erased. All filters that are given must "
        "hold. An address is found by its blind index, in any spelling of it; only whole addresses are found.",
        responses={200: shown.UsersShown},
        examples=[examples.told("A page", {"items": [examples.USER], "next": None})],
    )
    def get(self, request: Request) -> Response:
        """A page."""
        asked = self.asked
        cursor = Cursor.of(request, asked)
        filters = given.conditions(asked)
        if "address" in asked:
            spelling = given.spelling(asked["channel"], asked["address"])
            filters["indexes"] = self.wired.ring.blind_indexes(spelling)
        if cursor.after:
            (filters["after"],) = cursor.after
        found = reading.page(filters, limit=cursor.limit + 1, ring=self.wired.ring)
        return cursor.answer(found, lambda known: [known.person.external_id], lambda page: map(shown.user, page))

    @extend_schema(
        summary="Create a user",
        description="With addresses and, if you like, goals and preferences at once. A preference needs an address on "
        "its channel, and nothing is planned before there is a goal to write about.",
        request=given.UserGiven,
        responses={201: shown.UserShown},
        examples=[examples.asked("Somebody", examples.NEW_USER), examples.told("The user", examples.USER, 201)],
    )
    @once
    def post(self, request: Request) -> Response:
        """Somebody new."""
        wanted = self.given(given.UserGiven)
        with given.rooted(given.places(wanted)):
            person = people.checked(given.new_person(wanted), http_webhooks=self.wired.http_webhooks)
        (user_id,) = people.enter([person], now=self.now, ring=self.wired.ring)
        if user_id is None:
            raise people.taken()
        known = reading.one(user_id, self.wired.ring)
        where = reverse("api:user", [user_id], request=request)
        return speaking_of(with_etag(Response(shown.user(known), status=201, headers={"Location": where})), user_id)


class OneUser(ApiView):
    """One user."""

    @extend_schema(
        summary="Read a user",
        description="With names and addresses as they are; goals and preferences are read at addresses of their own.",
        responses={200: shown.UserShown},
        examples=[examples.told("A user", examples.USER)],
    )
    def get(self, _request: Request, user_id: UUID) -> Response:
        """One user."""
        return with_etag(Response(shown.user(reading.one(user_id, self.wired.ring))))

    @extend_schema(
        summary="Change a user",
        description="Only what is given changes; `channels`, when given, replaces all addresses. A change of time "
        "zone, quiet hours, name or locale re-plans what is planned and not sent yet: those notifications are "
        "`CANCELLED` (`superseded`), and others take their place, never two for one occasion of a local date. "
        "`active: false` cancels everything that waits (`user_inactive`).",
        request=given.UserChange,
        responses={200: shown.UserShown},
        examples=[
            examples.asked("They moved", examples.CHANGE),
            examples.told("The user", {**examples.USER, **examples.CHANGE}),
        ],
    )
    def patch(self, request: Request, user_id: UUID) -> Response:
        """Some of it."""
        wanted = self.given(given.UserChange)

        def alter(before: changes.Before) -> NewPerson:
            check_if_match(request, shown.user(before.user))
            return given.changed(before.person, wanted)

        wired = self.wired
        with given.rooted(given.places(wanted)):
            changed = changes.change(user_id, alter, now=self.now, ring=wired.ring, http_webhooks=wired.http_webhooks)
        self.log_steps(changed.steps)
        return with_etag(Response(shown.user(changed.user)))

    @extend_schema(
        summary="Erase a user",
        description="For good: their key is destroyed, names, addresses, goals, preferences and texts are gone, what "
        "waits is cancelled (`erased`). Their notifications stay, without a word, because the evidence counts them. "
        "The `external_id` may be used again. To stop sending and keep everything, set `active` to false instead.",
        responses={204: None},
    )
    def delete(self, request: Request, user_id: UUID) -> Response:
        """For good."""
        steps = erasure.erase(
            user_id,
            now=self.now,
            ring=self.wired.ring,
            actor=self.actor,
            look=lambda known: check_if_match(request, shown.user(known)),
        )
        self.log_steps(steps)
        return Response(status=204)


class Bulk(ApiView):
    """Many new users in one call."""

    body_limit = BULK_LIMIT

    @extend_schema(
        summary="Create up to 1,000 users",
        description="Each line is entered as a whole or not at all, whatever becomes of the others. The answer is 200 "
        "with a result for each line; mend the refused ones, and send only them again.",
        request=given.BulkGiven,
        responses={200: shown.BulkShown},
        examples=[examples.asked("Two lines", examples.BULK), examples.told("One of them entered", examples.RESULTS)],
    )
    @once
    def post(self, _request: Request) -> Response:
        """Many at once."""
        lines = self.given(given.Lines)["users"]
        found = [self._usable(line) for line in lines]
        usable = [person for person in found if isinstance(person, NewPerson)]
        ids = iter(people.enter(usable, now=self.now, ring=self.wired.ring))
        results: list[dict[str, Any]] = []
        for number, one in enumerate(found, start=1):
            if not isinstance(one, NewPerson):
                results.append(shown.refused(number, one))
            elif (user_id := next(ids)) is None:
                results.append(shown.refused(number, [people.taken()]))
            else:
                results.append(shown.created(number, user_id))
        return Response({"results": results})

    def _usable(self, line: Any) -> NewPerson | list[BadInput]:
        """The person of a line, or all that is wrong with it."""
        try:
            wanted = self._reader.run_validation(line)
            with given.rooted(given.places(wanted)):
                return people.checked(given.new_person(wanted), http_webhooks=self.wired.http_webhooks)
        except serializers.ValidationError as problem:
            return list(faults(problem.detail))
        except BadInput as problem:
            return [problem]
        except Rejected as rejected:
            return list(rejected.problems)

    @cached_property
    def _reader(self) -> given.UserGiven:
        """One for all lines: making it costs more than reading a line with it."""
        return given.UserGiven()
