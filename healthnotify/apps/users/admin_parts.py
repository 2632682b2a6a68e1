"""Addresses, goals and preferences in the admin: each a part of a person, and changed with the whole of them."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from healthnotify.apps.access.scopes import Scope
from healthnotify.apps.operations.administration.deeds import Deed
from healthnotify.apps.operations.administration.filters import one_of
from healthnotify.apps.operations.administration.pages import Page, problems_of
from healthnotify.apps.operations.administration.site import site
from healthnotify.apps.users import admin_part_forms as parts
from healthnotify.apps.users.admin import rewrite
from healthnotify.apps.users.changes import Before
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from healthnotify.domain.errors import BadInput, Rejected
from healthnotify.domain.model import Category, Channel, Goal
from healthnotify.domain.people import NewPerson


class Part(Page):
    """A part of a person."""

    group = "People"
    viewing = Scope.USERS_READ
    adding = changing = Scope.USERS_WRITE
    keys: ClassVar[tuple[str, ...]]  #: which of its kind it is, for that user; it stays that one
    put: ClassVar[Callable[..., NewPerson]]  #: the person with it
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With whose they are."""
        sealed = [name for name in ("address_sealed", "notes_sealed") if hasattr(self.model, name)]
        return super().get_queryset(request).select_related("user").defer("user__name_sealed", *sealed)

    def get_fields(self, _request: HttpRequest, row: Any = None) -> Any:
        """Whose it is, is asked once."""
        return ["whose" if row else "who", *self.fields, *(self.readonly_fields if row else ())]

    def get_readonly_fields(self, _request: HttpRequest, row: Model | None = None) -> tuple[str, ...]:
        """What tells which it is."""
        return ("whose", *self.keys, *self.readonly_fields) if row else ()

    @admin.display(description="user")
    def whose(self, row: Any) -> SafeString:
        """Whose it is."""
        return format_html('<a href="{}">{}</a>', reverse("admin:users_user_change", args=[row.user_id]), row.user)

    def save_model(self, request: HttpRequest, row: Any, form: Any, change: Any) -> None:
        """With the whole of them."""
        if not change:
            row.user = _somebody(form.cleaned_data["who"])
        rewrite(request, row.user_id, partial(self.put, row, form, new=not change))
        key = {name: getattr(row, name) for name in self.keys}
        row.pk = self.model.objects.values_list("pk", flat=True).get(user=row.user_id, **key)

    def response_add(self, request: HttpRequest, row: Any, _next: str | None = None) -> HttpResponse:
        """Back to whose it is."""
        messages.success(request, "Saved.")
        return redirect("admin:users_user_change", row.user_id)

    response_change = response_add


def _remove(without: Callable[[Any, Before], NewPerson], request: HttpRequest, row: Any) -> HttpResponse:
    try:
        rewrite(request, row.user_id, partial(without, row))
    except (BadInput, Rejected) as refusal:
        for problem in problems_of(refusal):
            messages.error(request, f"{problem.field}: {problem.problem}. {problem.fix}.")
    else:
        messages.success(request, "Removed.")
    return redirect("admin:users_user_change", row.user_id)


def _removing(without: Callable[[Any, Before], NewPerson], warning: str) -> Deed:
    return Deed("remove", "Remove", Scope.USERS_WRITE, "Takes it away from them.", partial(_remove, without), warning)


@admin.register(Address, site=site)
class AddressPage(Part):
    """Where one channel reaches somebody."""

    icon, purpose = "alternate_email", "Where a channel reaches somebody."
    keys = ("channel",)
    put = staticmethod(parts.put_address)
    deeds = (
        _removing(
            parts.without_address, "Nothing can be sent over this channel then; preferences for it come off first."
        ),
    )
    form = parts.AddressForm
    fields = ("channel", "address", "verified")
    list_display = ("whose", "channel", "verified")

    def has_module_permission(self, _request: HttpRequest) -> bool:
        """Not in the menu: a list of addresses that shows none is of no use. Each is reached from its user."""
        return False


@admin.register(UserGoal, site=site)
class GoalPage(Part):
    """What somebody works on."""

    icon, purpose = "flag", "What users work on, and how far they are."
    keys = ("code",)
    put = staticmethod(parts.put_goal)
    deeds = (_removing(parts.without_goal, "What was planned for this goal is cancelled, and its notes are gone."),)
    form = parts.GoalForm
    fields = ("code", "target", "progress", "streak", "notes")
    list_display = ("whose", "code", "target", "progress", "streak")
    list_filter = (one_of("code", Goal),)
    ordering = ("-id",)


@admin.register(Preference, site=site)
class PreferencePage(Part):
    """What somebody wants in one category, over one channel."""

    icon, purpose = "tune", "What users want: category, channel, times and days."
    keys = ("category", "channel")
    put = staticmethod(parts.put_preference)
    deeds = (_removing(parts.without_preference, "What was planned because of it is cancelled."),)
    form = parts.PreferenceForm
    fields = ("category", "channel", "enabled", "times", "days", "every")
    readonly_fields = ("next_due_at",)
    list_display = ("whose", "category", "channel", "enabled", "next_due_at")
    list_filter = (one_of("category", Category), one_of("channel", Channel), "enabled")
    ordering = ("-id",)


def _somebody(external_id: str) -> User:
    found = User.objects.filter(external_id=external_id.strip(), erased_at=None).defer("name_sealed").first()
    if found is None:
        raise BadInput("who", "nobody has this external id", "Search the users for it")
    return found
