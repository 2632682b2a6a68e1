"""What one may do to a row beyond changing it: each a POST of its own, asked twice where it cannot be undone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from healthnotify.apps.access.permission import needs
from healthnotify.apps.access.scopes import Scope


@dataclass(frozen=True, slots=True)
class Deed:
    """A button below a row."""

    name: str  #: in its address
    label: str
    scope: Scope
    told: str  #: what it does, in a sentence
    run: Callable[[HttpRequest, Any], HttpResponseBase | None]  #: None leads back to the row
    warning: str = ""  #: what is asked before; without one the button does it at once
    fits: Callable[[Any], bool] = lambda _: True  #: whether this row is one that it can be done to


def offered(page: Any, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
    """The buttons that this operator has below this row."""
    return [
        {"label": deed.label, "told": deed.told, "asks": bool(deed.warning), "action": _action(page, deed, row)}
        for deed in page.deeds
        if row is not None and needs(request, deed.scope) and deed.fits(row)
    ]


def address(page: Any, deed: Deed) -> URLPattern:
    """Where a deed is done."""
    view = page.admin_site.admin_view(partial(_view, page, deed))
    return path(f"<path:object_id>/{deed.name}/", view, name=_name(page, deed))


def _view(page: Any, deed: Deed, request: HttpRequest, object_id: str) -> HttpResponseBase:
    if not (page.has_view_permission(request) and needs(request, deed.scope)):
        raise PermissionDenied
    row = page.get_object(request, object_id)
    if row is None or not deed.fits(row):
        raise Http404
    if request.method == "POST":
        return deed.run(request, row) or redirect(_row(page, row))
    if not deed.warning:
        return HttpResponseNotAllowed(["POST"])
    return _asking(page, deed, request, row)


def _asking(page: Any, deed: Deed, request: HttpRequest, row: Any) -> HttpResponse:
    context = page.admin_site.each_context(request) | {
        "title": f"{deed.label}: {row}",
        "deed": deed,
        "opts": page.opts,
        "back": _row(page, row),
    }
    return TemplateResponse(request, "operations/admin/asking.html", context)


def shown(page_title: str, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """A page with what is sealed, once."""
    from healthnotify.apps.operations.administration.site import site

    around = site.each_context(request) | {"title": page_title}
    return TemplateResponse(request, "operations/admin/shown.html", around | context)


def _row(page: Any, row: Any) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_change", args=[row.pk])


def _action(page: Any, deed: Deed, row: Any) -> str:
    return reverse(f"admin:{_name(page, deed)}", args=[row.pk])


def _name(page: Any, deed: Deed) -> str:
    return f"{page.opts.app_label}_{page.opts.model_name}_{deed.name}"
