"""Notifications and dead letters in the admin: looked at, never changed; a text only for those who may, and noted."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from healthnotify.apps.access import audit
from healthnotify.apps.access.permission import needs
from healthnotify.apps.access.scopes import Scope
from healthnotify.apps.notifications import reading
from healthnotify.apps.notifications.life import life
from healthnotify.apps.notifications.models import DeadLetter, Notification
from healthnotify.apps.operations.administration.deeds import Deed, shown
from healthnotify.apps.operations.administration.filters import one_of
from healthnotify.apps.operations.administration.pages import Page
from healthnotify.apps.operations.administration.site import site
from healthnotify.apps.wiring import wired
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Category, Channel, Withheld


class Sending(SimpleListFilter):
    """When it is to be sent, or was: a stretch of the index that the list is ordered by."""

    title = "send time"
    parameter_name = "sending"
    #: Words, and hours from now.
    STRETCHES: ClassVar = {
        "soon": ("in the next 24 hours", 0, 24),
        "lately": ("in the last hour", -1, 0),
        "day": ("in the last 24 hours", -24, 0),
        "week": ("in the last 7 days", -7 * 24, 0),
    }

    def lookups(self, _request: HttpRequest, _page: Any) -> list[tuple[str, str]]:
        """What there is to choose from."""
        return [(name, words) for name, (words, _, _) in self.STRETCHES.items()]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of that stretch."""
        if self.value() not in self.STRETCHES:
            return rows
        _, first, last = self.STRETCHES[str(self.value())]
        now = wired(request).now()
        return rows.filter(send_at__gte=now + timedelta(hours=first), send_at__lt=now + timedelta(hours=last))


def show_text(request: HttpRequest, row: Notification) -> HttpResponse:
    """What the message says; that somebody read it is written down before they can."""
    place = wired(request)
    said = reading.read(row.pk, ring=place.ring, by=audit.actor_of(request), at=place.now())
    context = {
        "note": "That you have read this is in the audit trail now.",
        "values": [("Subject", said.subject), ("Text", said.text)] if said else [],
        "back": reverse("admin:notifications_notification_change", args=[row.pk]),
    }
    return shown(f"Text of {row}", request, context)


@admin.register(Notification, site=site)
class NotificationPage(Page):
    """One message to one user, from its plan to its end."""

    group, icon, rank = "Notifications", "mail", 0
    purpose = "Every message that was planned or asked for, and where it stands."
    viewing = Scope.NOTIFICATIONS_READ
    deeds = (
        Deed(
            "text",
            "Show the text",
            Scope.MESSAGES_READ,
            "That you have read it is kept in the audit trail.",
            show_text,
            fits=lambda row: row.message_sha256 is not None,
        ),
    )

    list_filter = (
        Sending,
        one_of("state", State),
        one_of("channel", Channel),
        one_of("category", Category),
        one_of("reason", Withheld),
    )
    search_fields = ("id",)  # so that there is a box; see `get_search_results`
    search_help_text = "The whole id of a notification, or the whole id or external id of a user"
    ordering = ("-send_at", "-id")
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("id", "state", "reason", "external_id", "channel", "category", "goal")}),
        ("Its life", {"fields": ("chapters",)}),
        ("When", {"fields": ("send_at", "wall_clock", "timezone", "local_date", "slot", "shift", "expires_at")}),
        ("Where it comes from", {"fields": ("asked_by", "template", "provenance", "message_sha256", "tzdata")}),
        ("Tries", {"fields": ("tries", "last_failure", "next_attempt_at", "receipt", "late_success_at", "ended_at")}),
    )
    LIST = ("send_at", "state", "reason", "channel", "category", "external_id")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """The user only for those who may read users."""
        return _allowed(request, self.LIST)

    def get_fieldsets(self, request: HttpRequest, _row: Model | None = None) -> Any:
        """The same."""
        return tuple((title, {"fields": _allowed(request, part["fields"])}) for title, part in self.fieldsets)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Nothing sealed is even loaded."""
        sealed = ("message_sealed", "given_sealed", "user__name_sealed")
        return super().get_queryset(request).select_related("user").defer(*sealed)

    def get_search_results(self, request: HttpRequest, rows: QuerySet[Any], text: str) -> tuple[QuerySet[Any], bool]:
        """By what has an index, and whole: a part of an id tells nothing."""
        text = text.strip()
        if not text:
            return rows, False
        key = _uuid(text)
        if key is not None:
            return rows.filter(Q(id=key) | Q(user=key)), False
        return (rows.filter(user__external_id=text) if needs(request, Scope.USERS_READ) else rows.none()), False

    @admin.display(description="user")
    def external_id(self, row: Notification) -> SafeString:
        """Whom it is for."""
        link = reverse("admin:users_user_change", args=[row.user_id])
        return format_html('<a href="{}">{}</a>', link, row.user.external_id)

    @admin.display(description="tries")
    def tries(self, row: Notification) -> int:
        """Those that count."""
        return row.attempt - row.uncounted

    @admin.display(description="last failure")
    def last_failure(self, row: Notification) -> str:
        """What the channel said, of the last attempt that failed."""
        return f"{row.failure['reason']} ({row.failure['kind']})" if row.failure else "-"

    @admin.display(description="")
    def chapters(self, row: Notification) -> SafeString:
        """Each move in plain words, as `explain` tells it."""
        told = ((f"{chapter.at:%Y-%m-%d %H:%M:%S} UTC", chapter.words) for chapter in life(row.id).chapters)
        return format_html('<ol class="chapters">{}</ol>', format_html_join("", "<li><span>{}</span> {}</li>", told))


@admin.register(DeadLetter, site=site)
class DeadLetterPage(Page):
    """A record given up. It is brought back from the operations pages, dry run first."""

    group, icon = "Notifications", "inbox"
    purpose = "Records that were given up, with their reason."
    viewing = Scope.OPERATE

    list_display = ("at", "reason", "attempt", "topic", "its_notification")
    ordering = ("-id",)
    sortable_by = ()
    fields = ("at", "its_notification", "reason", "detail", "attempt", "topic", "partition", "offset", "raw_sha256")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without the bytes: they are a stranger's, and nobody reads them here."""
        return super().get_queryset(request).defer("raw")

    @admin.display(description="notification")
    def its_notification(self, row: DeadLetter) -> SafeString | str:
        """Its page."""
        if row.notification_id is None:
            return "none: these bytes are not ours"
        link = reverse("admin:notifications_notification_change", args=[row.notification_id])
        return format_html('<a href="{}">{}</a>', link, row.notification_id)


def _allowed(request: HttpRequest, fields: tuple[str, ...]) -> tuple[str, ...]:
    return fields if needs(request, Scope.USERS_READ) else tuple(name for name in fields if name != "external_id")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
