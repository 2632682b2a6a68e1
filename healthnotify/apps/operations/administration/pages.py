"""What all pages of the admin share: a scope for each thing one may do, and refusals shown at their field."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline

from healthnotify.apps.access.permission import needs
from healthnotify.apps.access.scopes import Scope
from healthnotify.apps.operations.administration.bounded import Bounded, Rows
from healthnotify.apps.operations.administration.deeds import Deed, address, offered
from healthnotify.domain.errors import BadInput, Conflict, Rejected

Problems = tuple[BadInput, ...]

#: One way to save: the others lead past the page that says what came of it.
ONE_BUTTON: Final = {"show_save_and_add_another": False, "show_save_and_continue": False}


class Governed:
    """Asks for scopes where Django would ask for permissions. None: nobody may do that here."""

    viewing: ClassVar[Scope]
    adding: ClassVar[Scope | None] = None
    changing: ClassVar[Scope | None] = None

    def has_view_permission(self, request: HttpRequest, _row: Model | None = None) -> bool:
        """See them."""
        return needs(request, self.viewing)

    def has_add_permission(self, request: HttpRequest, _row: Model | None = None) -> bool:
        """Make one."""
        return self.adding is not None and needs(request, self.adding)

    def has_change_permission(self, request: HttpRequest, _row: Model | None = None) -> bool:
        """Change one."""
        return self.changing is not None and needs(request, self.changing)

    def has_delete_permission(self, _request: HttpRequest, _row: Model | None = None) -> bool:
        """Nothing is deleted behind the back of those who know what hangs on it: that is a deed of its page."""
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """See that there are some."""
        return needs(request, self.viewing)


class Page(Governed, ModelAdmin):
    """Lists and shows rows of one kind, and lets one do its deeds. Writes through functions, never with `save()`."""

    group: ClassVar[str]
    icon: ClassVar[str]
    purpose: ClassVar[str]
    rank: ClassVar[int] = 1  #: in its group; what is looked for most comes first
    deeds: ClassVar[tuple[Deed, ...]] = ()

    actions = None
    list_per_page = 50
    list_max_show_all = 50
    paginator = Bounded
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count all rows, once for each choice of each filter
    save_on_top = False
    change_form_outer_after_template = "operations/admin/deeds.html"

    def get_changelist(self, _request: HttpRequest, **_: Any) -> type[Rows]:
        """The list."""
        return Rows

    def get_urls(self) -> list[Any]:
        """With one address for each deed."""
        return [address(self, deed) for deed in self.deeds] + super().get_urls()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """Where a change is refused, its transaction is rolled back and the form says at which field and why.

        Only the functions that write know all of the rules; asking them before would be a second copy of each.
        """
        row = self.get_object(request, object_id) if object_id else None
        context = {
            "deeds": offered(self, request, row),
            "links": self.links(request, row),
            **ONE_BUTTON,
            **(extra_context or {}),
        }
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except (BadInput, Rejected, Conflict) as refusal:
            request.refused = problems_of(refusal)  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, context)

    def links(self, _request: HttpRequest, _row: Any) -> list[tuple[str, str]]:
        """Where else one may go from here: what to call it, and its address."""
        return []

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """The form; the second time with what was refused."""
        form = super().get_form(request, obj, **kwargs)
        problems: Problems = getattr(request, "refused", ())
        return type(form.__name__, (form,), {"clean": _refusing(form, problems)}) if problems else form

    def log_addition(self, *_: Any) -> None:
        """Django's own history is not kept: the audit trail is the only one, and erasing leaves nothing behind."""

    log_change = log_deletions = log_addition


class Listed(Governed, TabularInline):
    """Rows beside the one they belong to; each has a page of its own to be changed on."""

    extra = 0
    can_delete = False
    show_title = False  # the first column says it, and leads to its page

    def has_add_permission(self, _request: HttpRequest, _row: Model | None = None) -> bool:
        """On a page of its own."""
        return False

    has_change_permission = has_add_permission

    @admin.display(description="")
    def part(self, row: Model) -> SafeString:
        """Its name, and the way to its page."""
        address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])  # noqa: SLF001
        return format_html('<a href="{}">{}</a>', address, row)


if hasattr(TabularInline, "hide_title"):  # its name in the releases for Python 3.11; the later ones warn of it
    Listed.hide_title = True


def problems_of(refusal: BadInput | Rejected | Conflict) -> Problems:
    """What is wrong, one by one."""
    if isinstance(refusal, Rejected):
        return refusal.problems
    return (BadInput("", refusal.title, refusal.detail),) if isinstance(refusal, Conflict) else (refusal,)


def _refusing(form: type[ModelForm], problems: Problems) -> Callable[[Any], dict[str, Any]]:  # type: ignore[type-arg]
    places: Mapping[str, str] = getattr(form, "PLACES", {})

    def clean(self: Any) -> dict[str, Any]:
        cleaned = form.clean(self) or self.cleaned_data
        for problem in problems:
            names = [places.get(name, name) for name in reversed(problem.field.split("."))]
            field = next((name for name in names if name in self.fields), None)
            place = f"{problem.field}: " if problem.field and not field else ""
            text = f"{place}{problem.problem}. {problem.fix}"
            self.add_error(field, text[:1].upper() + text[1:])
        return dict(cleaned)

    return clean
