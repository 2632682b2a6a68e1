"""What every page shares: who may see it, what stands around it, and what is said when PostgreSQL does not answer."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from healthnotify.apps.access.permission import needs, page
from healthnotify.apps.access.scopes import Scope
from healthnotify.apps.database import PASSING
from healthnotify.apps.wiring import wired
from healthnotify.domain.errors import Unavailable

View = Callable[..., HttpResponseBase]

#: What the templates ask of a reader, by the names that they use.
MAY: Final = {
    "may_see_users": Scope.USERS_READ,
    "may_read_messages": Scope.MESSAGES_READ,
    "may_cancel": Scope.NOTIFICATIONS_WRITE,
    "may_operate": Scope.OPERATE,
}


def operators_page(*methods: str) -> Callable[[View], View]:
    """A page for those whom the table of routes lets in."""
    return lambda view: answering(require_http_methods(list(methods))(page(view)))


def answering(view: View) -> View:
    """Never kept by a browser or a proxy; and a page, too, when PostgreSQL does not answer."""

    @never_cache
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except (Unavailable, *PASSING) as problem:
            wired(request).log.note("page_unavailable", path=request.path, problem=type(problem).__name__)
            # Without the frame: who the reader is cannot be asked either.
            return HttpResponse(render_to_string("operations/unavailable.html"), status=503)

    return answered


def show(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """A page with its frame."""
    frame = {name: needs(request, scope) for name, scope in MAY.items()}
    here = request.resolver_match.url_name if request.resolver_match else ""
    return render(request, f"operations/{template}", {**frame, "here": here, **(context or {})}, status=status)


def uuid_or_404(text: str) -> UUID:
    """An id of an address. Raises `Http404`."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None
