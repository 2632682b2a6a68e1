"""The admin: one site with our rows only, entered by the pages' own log-in; what one may do there, scopes say."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, path, reverse
from unfold.sites import UnfoldAdminSite

from healthnotify.apps.access import routes
from healthnotify.apps.access.login import LogOut
from healthnotify.apps.operations.administration.password import OwnPassword
from healthnotify.apps.operations.administration.wording import preview
from healthnotify.apps.operations.pages.frame import answering
from healthnotify.domain.errors import Missing

#: Unfold's pages are driven by Alpine, which makes functions of attributes, and carry their colours in a style element.
#: They alone have that; a script still comes from this server or not at all, and an inline one never runs.
RELAXED: Final = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}
TITLE: Final = "Health notifications"
#: Shades of the operations pages' accent.
ACCENT: Final = {
    "50": "#effaf8",
    "100": "#d5f2ee",
    "200": "#aee5de",
    "300": "#7dd2c9",
    "400": "#5cc9bf",
    "500": "#2ba79d",
    "600": "#0b6e69",
    "700": "#0a5a56",
    "800": "#0b4845",
    "900": "#0c3b39",
    "950": "#062321",
}


class OperationsSite(UnfoldAdminSite):
    """Registered are our own rows; those of the libraries are nobody's to change by hand."""

    site_title = site_header = TITLE
    index_title = "Administration"
    index_template = "operations/admin/index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether they may come in at all; each page asks for its own scope then."""
        return routes.may(getattr(request.user, "scopes", frozenset()), str(request.method), "admin:index")

    def admin_view(self, view: Callable[..., Any], *how: Any, **more: Any) -> Callable[..., Any]:
        """Every page of the admin: under its relaxed policy, and rendered where what goes wrong has an answer."""
        guarded = super().admin_view(view, *how, **more)

        @wraps(view)
        def rendered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                response = guarded(request, *args, **kwargs)
                return response.render() if isinstance(response, TemplateResponse) else response
            except Missing:
                raise Http404 from None

        return csp_update(RELAXED)(answering(rendered))

    def login(self, request: HttpRequest, _context: dict[str, Any] | None = None) -> HttpResponseBase:
        """There is one log-in for all pages."""
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def logout(self, request: HttpRequest, _context: dict[str, Any] | None = None) -> HttpResponseBase:
        """As on the other pages."""
        return LogOut.as_view()(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """One's own password."""
        return OwnPassword.as_view(extra_context=self.each_context(request) | (extra_context or {}))(request)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """What there is. No history beside it: the audit trail is the only one."""
        context = self.each_context(request) | {"title": self.index_title} | (extra_context or {})
        return TemplateResponse(request, self.index_template, context)

    def extra_urls(self) -> list[URLPattern]:
        """The page of the templates, which are code and no rows."""
        return [path("wording/", self.admin_view(self.wording), name="wording")]

    def wording(self, request: HttpRequest) -> TemplateResponse:
        """The reviewed templates."""
        context = self.each_context(request) | preview(request.GET)
        return TemplateResponse(request, "operations/admin/wording.html", context)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What all pages show around their content."""
        context = super().each_context(request)
        return context | {
            "colors": context["colors"] | {"primary": ACCENT},
            "site_title": TITLE,
            "site_header": TITLE,
            "site_symbol": "ecg_heart",
            "site_url": reverse("operations:dashboard"),
            "show_history": False,
            "show_view_on_site": False,
            "site_favicons": [{"rel": "icon", "href": static("operations/mark.svg"), "type": "image/svg+xml"}],
            "styles": [static("operations/admin.css")],
        }

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The menu: those of the pages that this operator may see, in the groups that they name."""
        groups: dict[str, list[dict[str, Any]]] = {group: [] for group in ("People", "Notifications", "Access")}
        entries = [entry for app in self.get_app_list(request) for entry in app["models"]]
        pages: list[tuple[Any, dict[str, Any]]] = [(self.get_model_admin(entry["model"]), entry) for entry in entries]
        for page, entry in sorted(pages, key=lambda found: (found[0].rank, found[1]["name"])):
            groups[page.group].append(_item(request, entry["name"], entry["admin_url"], page.icon, page.purpose))
        templates = "The reviewed texts that take over when the model gives nothing usable."
        groups["Notifications"].append(_item(request, "Templates", reverse("admin:wording"), "format_quote", templates))
        return [{"title": title, "items": items} for title, items in groups.items() if items]


def _item(request: HttpRequest, title: str, link: str, icon: str, purpose: str) -> dict[str, Any]:
    return {
        "title": title,
        "link": link,
        "icon": icon,
        "purpose": purpose,
        "active": request.path.startswith(link),
        "has_permission": True,
    }


site: Final = OperationsSite(name="admin")
