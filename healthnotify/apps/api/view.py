"""What every view of the API has: its clock, its caller, its query, and manners that HTTP asks for."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import unquote_plus

from django.db import transaction
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from healthnotify.apps.access import throttling
from healthnotify.apps.access.audit import actor_of
from healthnotify.apps.api.conditional import is_known
from healthnotify.apps.api.fields import StrictSerializer
from healthnotify.apps.api.parsing import BODY_LIMIT
from healthnotify.apps.wiring import Wired, wired
from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import BadInput


class Nothing(StrictSerializer):
    """The query of a route that takes none, the body of one that wants none."""


class ApiView(APIView):
    """Base of every view. `asks` names, by method, the serializer of the query; other parameters are refused."""

    asks: ClassVar[Mapping[str, type[StrictSerializer]]] = {}
    body_limit = BODY_LIMIT  # bytes

    @property
    def wired(self) -> Wired:
        """Clock, key ring, limits and log."""
        return wired(self.request)

    @cached_property
    def now(self) -> datetime:
        """One instant for the whole request."""
        return self.wired.now()

    @property
    def actor(self) -> str:
        """Who asks, as the audit trail names them."""
        return actor_of(self.request)

    @cached_property
    def asked(self) -> dict[str, Any]:
        """The query, validated by the serializer that `asks` names for this method."""
        method = "GET" if self.request.method == "HEAD" else str(self.request.method)
        known, given = self.asks.get(method, Nothing), _query(self.request)
        return checked(known, given) if given or known is not Nothing else {}

    def given(self, serializer: type[StrictSerializer], **context: Any) -> dict[str, Any]:
        """The body, validated. Raises `ValidationError` with all that is wrong."""
        return checked(serializer, self.request.data, **context)

    def log_steps(self, steps: Iterable[Step]) -> None:
        """Log what happened once it has really happened: after the commit."""
        log, told = self.wired.log, tuple(steps)
        transaction.on_commit(lambda: log.steps(told))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A method that is not there is said to be so before anybody is asked who they are."""
        if not hasattr(self, str(request.method).lower()):
            request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(
                request, force=True
            )
            raise exceptions.MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)
        _ = self.asked

    def perform_authentication(self, request: Request) -> None:
        """Counted before anybody is refused, so that who guesses keys is slowed down like everybody else."""
        try:
            super().perform_authentication(request)
        finally:
            self.check_throttles(request)

    def check_permissions(self, request: Request) -> None:
        """OPTIONS tells nothing but the methods, so it needs nothing."""
        if request.method != "OPTIONS":
            super().check_permissions(request)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """The methods, in `Allow`."""
        return Response(status=204)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """304 for what the caller has already; nothing is kept by caches on the way."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        finished.setdefault("Cache-Control", "private, no-cache")
        for name, text in throttling.headers(request).items():
            finished[name] = text
        etag = finished.headers.get("ETag")
        if etag and request.method in SAFE_METHODS and finished.status_code == 200 and is_known(request, etag):
            finished.status_code, finished.data = 304, None
        return finished


def checked(serializer: type[StrictSerializer], given: Any, **context: Any) -> dict[str, Any]:
    """Validated, or `ValidationError` with all that is wrong."""
    checking = serializer(data=given, context=context)
    checking.is_valid(raise_exception=True)
    return dict(checking.validated_data)


def _query(request: Request) -> dict[str, Any]:
    """The query parameters, each given once and in UTF-8."""
    try:
        unquote_plus(request.META.get("QUERY_STRING", ""), errors="strict")
    except UnicodeDecodeError:
        raise BadInput("query", "it is not UTF-8", "Percent-encode UTF-8") from None
    found = {}
    for name, values in request.query_params.lists():
        if len(values) > 1:
            raise BadInput(name, "it is given more than once", "Give it once")
        found[name] = values[0]
    return found
