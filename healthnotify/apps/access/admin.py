"""Keys, operators and the audit trail in the admin: for administrators, through the functions that audit."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
)

from healthnotify.apps.access import audit, keys, operators
from healthnotify.apps.access.audit import Action
from healthnotify.apps.access.models import ApiKey, AuditEntry, Operator
from healthnotify.apps.access.scopes import FOR_KEYS, Role, Scope
from healthnotify.apps.operations.administration.deeds import Deed, shown
from healthnotify.apps.operations.administration.filters import one_of
from healthnotify.apps.operations.administration.forms import RowForm
from healthnotify.apps.operations.administration.pages import Page
from healthnotify.apps.operations.administration.site import site
from healthnotify.apps.wiring import wired
from healthnotify.domain.errors import BadInput


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a new key is asked for."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in FOR_KEYS],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What it may do, and nothing else",
    )

    expires_at = forms.SplitDateTimeField(
        required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text="In UTC; empty: never"
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "expires_at")
        help_texts = {"name": "What it is for, such as billing"}  # noqa: RUF012


def revoke(request: HttpRequest, row: ApiKey) -> None:
    """End it."""
    keys.revoke(row.pk, by=audit.actor_of(request), at=wired(request).now())


@admin.register(ApiKey, site=site)
class KeyPage(Page):
    """Programs' ways in. A key is made, shown once, and revoked; never changed, so that its scopes can be relied on."""

    group, icon = "Access", "key"
    purpose = "Programs' ways in: which there are, what each may do, when it was last used."
    viewing = adding = Scope.ADMINISTER
    deeds = (
        Deed(
            "revoke",
            "Revoke",
            Scope.ADMINISTER,
            "Programs that use it are refused from the next request on.",
            revoke,
            warning="A revoked key cannot be brought back; programs that use it are refused from the next request on.",
            fits=lambda key: key.revoked_at is None,
        ),
    )

    form = KeyForm
    list_display = ("name", "prefix", "may", "created_at", "expires_at", "last_used_at", "revoked_at")
    ordering = ("-created_at",)
    sortable_by = ()
    fields = ("name", "prefix", "may", "created_at", "created_by", "expires_at", "last_used_at", "revoked_at")
    add_fieldsets = ((None, {"fields": ("name", "scopes", "expires_at")}),)

    @admin.display(description="scopes")
    def may(self, key: ApiKey) -> str:
        """What it may do."""
        return ", ".join(key.scopes)

    def get_readonly_fields(self, _request: HttpRequest, key: Model | None = None) -> tuple[str, ...]:
        """All of an existing one."""
        return self.fields if key else ()

    def save_model(self, request: HttpRequest, key: Any, form: Any, _change: Any) -> None:
        """Make it; its text goes to the answer alone."""
        given, place = form.cleaned_data, wired(request)
        made, text = keys.make(
            given["name"],
            given["scopes"],
            by=audit.actor_of(request),
            at=place.now(),
            expires_at=given["expires_at"],
        )
        key.pk, request.once = made.pk, text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, key: Any, _next: str | None = None) -> HttpResponse:
        """The one time that it is shown."""
        return _once(self, request, key, "API key", "Send it as `Authorization: Bearer …`.")


class OperatorForm(RowForm):
    """A role, and a password that is only ever written."""

    role = forms.ChoiceField(choices=[(role.value, role.value) for role in Role], widget=UnfoldAdminSelectWidget)
    new_password = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters; a new one ends all of their sessions",
    )

    PLACES: ClassVar = {"name": "username", "password": "new_password"}

    class Meta:
        model = Operator
        fields = ("username", "role")


def deactivate(request: HttpRequest, row: Operator) -> None:
    """Shut them out."""
    operators.deactivate(row.username, by=audit.actor_of(request), at=wired(request).now())


@admin.register(Operator, site=site)
class OperatorPage(Page):
    """People who log in."""

    group, icon = "Access", "badge"
    purpose = "People who log in here, and what each of them may do."
    viewing = adding = changing = Scope.ADMINISTER
    deeds = (
        Deed(
            "deactivate",
            "Deactivate",
            Scope.ADMINISTER,
            "They are out with their next request; what they did stays in the audit trail.",
            deactivate,
            warning="They are out with their next request, and no page lets them in again.",
            fits=lambda row: row.is_active,
        ),
    )

    form = OperatorForm
    list_display = ("username", "role", "is_active", "created_at", "last_login")
    ordering = ("username",)
    sortable_by = ()
    readonly_fields = ("is_active", "created_at", "last_login")
    fields = ("username", "role", "new_password", "is_active", "created_at", "last_login")
    add_fieldsets = ((None, {"fields": ("username", "role", "new_password")}),)

    def get_readonly_fields(self, _request: HttpRequest, row: Model | None = None) -> tuple[str, ...]:
        """A name stays: the audit trail knows them by it."""
        return ("username", *self.readonly_fields) if row else ()

    def save_model(self, request: HttpRequest, row: Any, form: Any, change: Any) -> None:
        """Through the functions that audit."""
        actor, at, given = audit.actor_of(request), wired(request).now(), form.cleaned_data
        password = given.get("new_password") or None
        if not change:
            made, made_up = operators.make(given["username"], given["role"], password, by=actor, at=at)
            row.pk, request.once = made.pk, made_up  # type: ignore[attr-defined]
            return
        if "role" in form.changed_data:
            if row.pk == request.user.pk:
                raise BadInput("role", "it is your own", "Another administrator can change it")
            operators.set_role(row.username, given["role"], by=actor, at=at)
        if password:
            operators.set_password(row.username, password, by=actor, at=at)

    def response_add(self, request: HttpRequest, row: Any, next_page: str | None = None) -> HttpResponse:
        """With the password, where one was made up."""
        if request.once is None:  # type: ignore[attr-defined]
            return super().response_add(request, row, next_page)
        return _once(self, request, row, "Password", "They can change it after they have logged in.")


@admin.register(AuditEntry, site=site)
class AuditPage(Page):
    """Who did, or saw, what."""

    group, icon = "Access", "policy"
    purpose = "Who did, or saw, something that one may be asked about."
    viewing = Scope.ADMINISTER

    list_display = ("at", "actor", "action", "target")
    list_filter = (one_of("action", Action),)
    search_fields = ("target",)
    search_help_text = "A whole id of what it was done to, or a whole actor such as operator:anna"
    ordering = ("-id",)
    sortable_by = ()
    fields = ("at", "actor", "action", "target", "detail")

    def get_search_results(self, _request: HttpRequest, rows: QuerySet[Any], text: str) -> tuple[QuerySet[Any], bool]:
        """Whole words only."""
        text = text.strip()
        return (rows.filter(Q(target=text) | Q(actor=text)) if text else rows), False


def _once(page: Page, request: HttpRequest, row: Any, name: str, how: str) -> HttpResponse:
    """A secret that nobody can read again. Not a message: those travel in a cookie."""
    context = {
        "note": f"This is shown once. Keep it now. {how}",
        "values": [(name, request.once)],  # type: ignore[attr-defined]
        "back": reverse(f"admin:access_{page.opts.model_name}_change", args=[row.pk]),
    }
    return shown(f"{name} made", request, context)
