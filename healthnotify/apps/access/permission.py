"""Asks the table of routes: for each request to the API, and for each page."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from healthnotify.apps.access import routes
from healthnotify.apps.access.scopes import Scope

if TYPE_CHECKING:  # REST framework's views read their default permissions, this one, while they are imported
    from rest_framework.views import APIView

View = Callable[..., Any]


class RouteAllows(BasePermission):
    """The permission of every route of the API."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """False becomes 401 for who has not shown who they are, else 403."""
        name, method = _name(request), str(request.method)
        if routes.is_open(method, name):
            return True
        if request.user is None:
            return False
        if not hasattr(view, method.lower()):
            return True  # to hear 405: there is nothing that could run
        if method == "OPTIONS":
            return bool(routes.methods(name))  # it tells which methods there are, as the schema does
        return routes.may(request.user.scopes, method, name)


def page(view: View) -> View:
    """A page for those whom the table lets in: others log in first, or are told that they may not."""
    if iscoroutinefunction(view):

        @wraps(view)
        async def awaited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refused = _refusal(request, await request.auser())
            return refused or await view(request, *args, **kwargs)

        return awaited

    @wraps(view)
    def direct(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refused = _refusal(request, request.user)
        return refused or view(request, *args, **kwargs)

    return direct


def needs(request: Any, scope: Scope) -> bool:
    """Whether whoever makes this request has the scope: for what a page shows to some of its readers only."""
    return scope in getattr(request.user, "scopes", frozenset())


def _refusal(request: HttpRequest, user: Any) -> HttpResponseBase | None:
    name, method = _name(request), str(request.method)
    if routes.is_open(method, name):
        return None
    if not user.is_authenticated:
        # Only a page that was looked at is worth coming back to; a form's address answers no GET.
        return redirect_to_login(request.get_full_path() if method in {"GET", "HEAD"} else "/operations/")
    if not routes.may(user.scopes, method, name):
        raise PermissionDenied
    return None


def _name(request: Any) -> str:
    match = request.resolver_match
    return match.view_name if match else ""
