"""Every address of the API. A part that has routes has a module `<part>_urls` here with its `urlpatterns`."""

from importlib import import_module
from importlib.util import find_spec
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt

from healthnotify.apps.api.docs import docs, schema
from healthnotify.apps.api.problems import NOT_FOUND, plain

app_name = "api"
PARTS: Final = ("access", "users", "notifications", "reference")


@csrf_exempt
def unknown(request: HttpRequest, **_: str) -> HttpResponse:
    """What no route takes."""
    return plain(request, NOT_FOUND)


def routes_of_parts() -> list[URLPattern]:
    """Every route of `/api/v1/`."""
    modules = [f"healthnotify.apps.api.{part}_urls" for part in PARTS]
    return [route for name in modules if find_spec(name) for route in import_module(name).urlpatterns]


urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(routes_of_parts())),
    path("schema/", schema, name="schema"),
    path("docs/", docs, name="docs"),
    re_path(r"^(?P<rest>.*)$", unknown),
]
