"""Dead letters: list them, and bring notifications back."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from healthnotify.apps.api import notifications_given as given
from healthnotify.apps.api import notifications_shown as shown
from healthnotify.apps.api.idempotency import once
from healthnotify.apps.api.notifications_examples import BROUGHT_BACK, BURIED, REDRIVES
from healthnotify.apps.api.pagination import Cursor
from healthnotify.apps.api.view import ApiView
from healthnotify.apps.notifications import listing
from healthnotify.apps.notifications.redrive import redrive


class DeadLetters(ApiView):
    """All dead letters."""

    asks: ClassVar = {"GET": given.DeadLettersQuery}

    @extend_schema(
        summary="List dead letters",
        description="Notifications that were given up, the latest first; with `kind=poison` the records on the road "
        "that no notification stands behind.",
        responses={200: BURIED},
    )
    def get(self, request: Request) -> Response:
        """A page of them."""
        cursor = Cursor.of(request, self.asked)
        narrowed = {name: self.asked[name] for name in ("reason", "since") if name in self.asked}
        if self.asked["kind"] == "poison":
            records = cursor.slice(listing.poison(**narrowed), "-at", "-id")
            return cursor.answer(records, lambda row: (row.at, row.id), lambda page: map(shown.poison, page))
        found = cursor.slice(listing.given_up(channel=self.asked.get("channel"), **narrowed), "-ended_at", "-id")
        return cursor.answer(found, lambda row: (row.ended_at, row.id), lambda page: map(shown.given_up, page))


class Redrives(ApiView):
    """Dead letters, brought back."""

    @extend_schema(
        summary="Bring notifications back from the dead letters",
        description=(
            "A dry run unless you say `dry_run: false`. What is brought back is PENDING with all of its tries, and is "
            "announced within a second. Left where it is: what has expired, or its dead letter has (after 90 days), "
            "what the channel took after all, what its user does not want any more, what was brought back three times, "
            "and what may have been sent already, unless you accept duplicates."
        ),
        request=given.RedriveGiven,
        examples=REDRIVES,
        responses={200: BROUGHT_BACK},
    )
    @once
    def post(self, _request: Request) -> Response:
        """One answer a notification."""
        asked = self.given(given.RedriveGiven)
        answers = redrive(
            given.chosen(asked),
            actor=self.actor,
            at=self.now,
            dry_run=asked["dry_run"],
            accept_duplicates=asked["accept_duplicates"],
        )
        self.log_steps(one.step for one in answers if one.step)
        return Response(shown.redrives(answers, dry_run=asked["dry_run"]))
