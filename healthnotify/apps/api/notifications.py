"""Notifications: list, read, ask for one, take one back; what one says, for those who may read it."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from healthnotify.apps.api import notifications_given as given
from healthnotify.apps.api import notifications_shown as shown
from healthnotify.apps.api.conditional import with_etag
from healthnotify.apps.api.idempotency import once, speaking_of
from healthnotify.apps.api.notifications_examples import ASKED, ASKINGS, LISTED, MESSAGE, TAKEN_BACK, TOLD
from healthnotify.apps.api.pagination import Cursor
from healthnotify.apps.api.view import ApiView, Nothing
from healthnotify.apps.notifications import listing
from healthnotify.apps.notifications.asking import ask
from healthnotify.apps.notifications.life import life
from healthnotify.apps.notifications.reading import read
from healthnotify.apps.notifications.withdrawing import withdraw
from healthnotify.domain.errors import Conflict


class Notifications(ApiView):
    """All notifications."""

    asks: ClassVar = {"GET": given.NotificationsQuery}

    @extend_schema(
        summary="List notifications",
        description="Those that fulfil every filter that is given, by send time, the latest first. Without their text.",
        responses={200: LISTED},
    )
    def get(self, request: Request) -> Response:
        """A page of them."""
        cursor = Cursor.of(request, self.asked)
        wanted = {name: value for name, value in self.asked.items() if name in listing.FILTERS}
        found = cursor.slice(listing.notifications(wanted), "-send_at", "-id")
        return cursor.answer(found, lambda row: (row.send_at, row.id), lambda page: map(shown.notification, page))

    @extend_schema(
        summary="Ask for a notification",
        description=(
            "It goes the same road as any other and keeps the same promises: consent, quiet hours, the daily cap and "
            "the expiry are looked at once more right before it is sent. Words of your own are held against the "
            "guardrails at once; `{greeting}` and `{name}` are filled in. It is written down, not sent, when you hear "
            "201: follow it until its state is `COMPLETED`. Refused when the user does not exist or is not active, has "
            "no address on the channel, or has switched the category off for it."
        ),
        request=given.NotificationGiven,
        examples=ASKINGS,
        responses={201: ASKED},
    )
    @once
    def post(self, request: Request) -> Response:
        """Write it down."""
        asked = self.given(given.NotificationGiven)
        user_id, step = ask(
            given.whose(asked),
            given.wanted(asked),
            asked_by=self.actor,
            now=self.now,
            ring=self.wired.ring,
            expires_after=timedelta(seconds=self.wired.expires_after_seconds),
        )
        self.log_steps([step])
        where = reverse("api:notification", [step.id], request=request)
        answer = Response(_told(step.id), status=201, headers={"Location": where})
        return speaking_of(with_etag(answer), user_id)


class OneNotification(ApiView):
    """One notification."""

    @extend_schema(
        summary="Read a notification and all that happened to it",
        description="State, times, tries, where its text came from, and every move in codes and in plain words; never "
        "the text itself.",
        responses={200: TOLD},
    )
    def get(self, _request: Request, notification_id: UUID) -> Response:
        """Its life so far."""
        return with_etag(Response(_told(notification_id)))


class OneMessage(ApiView):
    """What one notification says."""

    @extend_schema(
        summary="Read what a notification says",
        description="The text as the user gets it. Each reading is noted in the audit trail. 409 while nothing is "
        "written, and after its user was erased.",
        responses={200: MESSAGE, 409: None},
    )
    def get(self, _request: Request, notification_id: UUID) -> Response:
        """Its words, once it is noted who read them."""
        row = listing.notification(notification_id)
        said = read(notification_id, ring=self.wired.ring, by=self.actor, at=self.now)
        if said is None:
            raise Conflict("There is no text", f"It is {row.state}: nothing is written yet, or its user was erased.")
        return Response({"id": notification_id, "subject": said.subject, "text": said.text})


class Cancellation(ApiView):
    """One notification, taken back."""

    @extend_schema(
        summary="Take a notification back",
        description="While it waits it becomes `CANCELLED` with the reason `withdrawn`; taking it back again answers "
        "the same. 409 while it is on the road, because it may be being sent, and when it has ended otherwise.",
        request=None,
        responses={200: TAKEN_BACK},
    )
    @once
    def post(self, _request: Request, notification_id: UUID) -> Response:
        """Its life, which has ended now."""
        self.given(Nothing)
        self.log_steps(withdraw(notification_id, actor=self.actor, at=self.now))
        row = listing.notification(notification_id)
        return speaking_of(with_etag(Response(_told(notification_id))), row.user_id)


def _told(notification_id: UUID) -> dict[str, Any]:
    """Row and moves as of one moment."""
    with transaction.atomic():
        return shown.life(listing.notification(notification_id), life(notification_id).chapters)
