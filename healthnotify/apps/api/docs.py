"""The API's description for machines, and the page that shows it to people; both work without the internet."""

from collections.abc import Mapping
from typing import Final

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from healthnotify.apps.api import schema as description
from healthnotify.apps.api.problems import DEFECT, EXAMPLES, IN_FLIGHT, Problem

JSON: Final = ("application/vnd.oai.openapi+json", "application/json")
YAML: Final = ("application/vnd.oai.openapi", "application/yaml")


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """OpenAPI 3.1, in YAML, or in JSON where `Accept` or `?format=json` asks for it."""
    wants_json = request.GET.get("format") == "json" or request.get_preferred_type([*YAML, *JSON]) in JSON
    if wants_json:
        return HttpResponse(description.as_json(), content_type="application/vnd.oai.openapi+json; charset=utf-8")
    return HttpResponse(description.as_yaml(), content_type="application/vnd.oai.openapi; charset=utf-8")


@csp_update({"style-src": [UNSAFE_INLINE], "img-src": ["data:"]})  # Swagger UI styles in place, and draws its icons so
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI, and every kind of problem below it."""
    return render(request, "api/docs.html", {"problems": kinds()})


def kinds() -> Mapping[str, Problem]:
    """An example of each kind of problem."""
    return {problem.kind: problem for problem in (*EXAMPLES.values(), IN_FLIGHT, DEFECT)}
