"""Users in the admin: found by whole ids or addresses, shown sealed, changed by the functions that re-plan."""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from healthnotify.apps.access import audit
from healthnotify.apps.access.audit import Action
from healthnotify.apps.access.permission import needs
from healthnotify.apps.access.scopes import Scope
from healthnotify.apps.operations.administration.deeds import Deed, shown
from healthnotify.apps.operations.administration.pages import Listed, Page
from healthnotify.apps.operations.administration.site import site
from healthnotify.apps.users import changes, people, reading
from healthnotify.apps.users.admin_forms import NewUserForm, UserForm, altered, entered
from healthnotify.apps.users.changes import Alter
from healthnotify.apps.users.erasure import erase
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from healthnotify.apps.users.phones import e164
from healthnotify.apps.wiring import wired
from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import BadInput


def rewrite(request: HttpRequest, user_id: UUID, alter: Alter) -> None:
    """Change somebody; what that does to their notifications is logged once it is certain."""
    place = wired(request)
    known = changes.change(user_id, alter, now=place.now(), ring=place.ring, http_webhooks=place.http_webhooks)
    log_later(request, known.steps)


def log_later(request: HttpRequest, steps: list[Step]) -> None:
    """After the commit."""
    transaction.on_commit(partial(wired(request).log.steps, steps))


def show(request: HttpRequest, row: User) -> HttpResponse:
    """What is sealed of them, once it is written down who looks."""
    place = wired(request)
    with transaction.atomic():
        audit.note(audit.actor_of(request), Action.USER_READ, str(row.id), place.now())
        person = reading.one(row.id, place.ring).person
        goals = reading.goals_of(row.id, place.ring)
    context = {
        "note": "That you have seen this is in the audit trail now.",
        "values": [
            ("Name", person.name),
            *((f"{channel} address", address) for channel, address in person.addresses.items()),
            *((f"Notes on {goal.goal.replace('_', ' ')}", goal.notes) for goal in goals if goal.notes),
        ],
        "back": reverse("admin:users_user_change", args=[row.pk]),
    }
    return shown(f"Sealed of {row}", request, context)


def forget(request: HttpRequest, row: User) -> HttpResponse:
    """Erase them."""
    place = wired(request)
    steps = erase(row.pk, now=place.now(), ring=place.ring, actor=audit.actor_of(request))
    log_later(request, steps)
    messages.success(request, "Erased. What waited to be sent is cancelled.")
    return redirect("admin:users_user_changelist")


class Addresses(Listed):
    """How they are reached."""

    model = Address
    viewing = Scope.USERS_READ
    fields = readonly_fields = ("part", "verified")


class Goals(Listed):
    """What they work on."""

    model = UserGoal
    viewing = Scope.USERS_READ
    fields = readonly_fields = ("part", "target", "progress", "streak")


class Preferences(Listed):
    """What they want."""

    model = Preference
    viewing = Scope.USERS_READ
    fields = readonly_fields = ("part", "enabled", "wanted_at", "next_due_at")

    @admin.display(description="times")
    def wanted_at(self, row: Preference) -> str:
        """In their own time zone."""
        return ", ".join(f"{time:%H:%M}" for time in row.times)


@admin.register(User, site=site)
class UserPage(Page):
    """Somebody who receives notifications."""

    group, icon, rank = "People", "person", 0
    purpose = "Who receives notifications. Names and addresses stay sealed until somebody asks to see them."
    viewing = Scope.USERS_READ
    adding = changing = Scope.USERS_WRITE
    deeds = (
        Deed(
            "show",
            "Show what is sealed",
            Scope.USERS_READ,
            "Name, addresses and notes. That you have seen them is kept in the audit trail.",
            show,
        ),
        Deed(
            "erase",
            "Erase",
            Scope.USERS_WRITE,
            "Forgets this user for good.",
            forget,
            warning="Their key is destroyed and everything that tells who they are is emptied: nobody can read it "
            "again, in backups neither. What waits to be sent is cancelled. What was sent stays counted.",
        ),
    )

    form = UserForm
    inlines = (Addresses, Goals, Preferences)
    list_display = ("external_id", "locale", "timezone", "active", "created_at")
    list_filter = ("active",)
    search_fields = ("external_id",)
    search_help_text = "A whole external id, or a whole address"
    ordering = ("external_id",)
    sortable_by = ()
    readonly_fields = ("created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("external_id", "active", "name")}),
        ("Where and when", {"fields": ("locale", "timezone", "timezone_source", "quiet_start", "quiet_end")}),
        ("Kept", {"fields": ("created_at", "updated_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("external_id", "active", "name")}),
        ("Where and when", {"fields": ("locale", "timezone", "timezone_source", "quiet_start", "quiet_end")}),
        ("Addresses", {"fields": ("email", "sms", "webhook")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Who was erased is nobody any more; a name is not even loaded."""
        return super().get_queryset(request).filter(erased_at=None).defer("name_sealed")

    def get_inlines(self, _request: HttpRequest, row: Any) -> Any:
        """Somebody new has none of these yet."""
        return self.inlines if row else ()

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Addresses can be given with somebody new."""
        return super().get_form(request, obj, **(kwargs if obj else {"form": NewUserForm, **kwargs}))

    def get_search_results(self, request: HttpRequest, rows: QuerySet[Any], text: str) -> tuple[QuerySet[Any], bool]:
        """By external id or, through the blind index, by address; both whole. Names cannot be searched."""
        text = text.strip()
        if not text:
            return rows, False
        indexes = wired(request).ring.blind_indexes(_canonical(text))
        holders = Address.objects.filter(address_index__in=indexes).values("user")
        return rows.filter(Q(external_id=text) | Q(id__in=holders)), False

    def links(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        """What can be added to them."""
        if row is None or not needs(request, Scope.USERS_WRITE):
            return []
        parts = (("address", "Add an address"), ("usergoal", "Add a goal"), ("preference", "Add a preference"))
        query = urlencode({"who": row.external_id})
        return [(label, f"{reverse(f'admin:users_{part}_add')}?{query}") for part, label in parts]

    def save_model(self, request: HttpRequest, row: Any, form: Any, change: Any) -> None:
        """Enter or change them."""
        if change:
            rewrite(request, row.pk, partial(altered, form))
            return
        place = wired(request)
        person = people.checked(entered(form), http_webhooks=place.http_webhooks)
        (row.pk,) = people.enter([person], now=place.now(), ring=place.ring)
        if row.pk is None:
            raise people.taken()

    def response_add(self, _request: HttpRequest, row: Any, _next: str | None = None) -> HttpResponse:
        """To their page: goals and preferences are added there."""
        return redirect("admin:users_user_change", row.pk)


def _canonical(text: str) -> str:
    """A telephone number in the form that it is kept in."""
    try:
        return e164(text, None)
    except BadInput:
        return text
