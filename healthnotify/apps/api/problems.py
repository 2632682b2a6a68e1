"""Every error of the API as a problem detail (RFC 9457): what is wrong, with which field, and how to mend it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from math import ceil
from typing import Any, Final

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils.encoding import escape_uri_path
from rest_framework import exceptions
from rest_framework.response import Response

from healthnotify.apps.database import PASSING
from healthnotify.apps.wiring import wired
from healthnotify.domain.errors import BadInput, Conflict, Misconfigured, Missing, Rejected, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
UNAVAILABLE: Final = "unavailable"
RETRY_AFTER: Final = 5  # seconds; a service that went away is seldom back sooner


class Malformed(Exception):
    """The body cannot be read at all: it is not JSON in UTF-8."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class TooLarge(Exception):
    """The body has more bytes than its route takes."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most} bytes")
        self.most = most


class LostUpdate(Exception):
    """`If-Match` names a state that is no longer the present one."""


class InFlight(Exception):
    """Another request with this `Idempotency-Key` is being worked on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem detail. `kind` is the end of its type, and the heading of its paragraph in the documentation."""

    status: int
    kind: str
    title: str
    detail: str
    errors: Sequence[BadInput] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, instance: str) -> dict[str, Any]:
        """The members that RFC 9457 names, and `errors` where fields are to blame."""
        members: dict[str, Any] = {
            "type": f"/api/docs/#problem-{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            members["errors"] = [{"field": e.field, "problem": e.problem, "fix": e.fix} for e in self.errors]
        return members


def answer(problem: Exception, context: Mapping[str, Any]) -> Response:
    """REST framework's handler: whatever a view raises ends here, so nothing internal ever shows."""
    request = context["request"]
    found = of(problem)
    if found.kind == UNAVAILABLE:
        wired(request).log.trouble("request.unavailable", kind=type(problem).__name__)
    elif found.status >= 500:
        wired(request).log.broken("request.failed", problem)
    return Response(
        found.body(escape_uri_path(request.path)),
        status=found.status,
        content_type=MEDIA_TYPE,
        headers=dict(found.headers),
    )


def plain(request: HttpRequest, found: Problem) -> HttpResponse:
    """The same outside of REST framework's views."""
    return JsonResponse(
        found.body(escape_uri_path(request.path)),
        status=found.status,
        content_type=MEDIA_TYPE,
        headers=dict(found.headers),
    )


def of(problem: BaseException) -> Problem:
    """The problem detail of an exception; what no line of the table names is a defect of ours."""
    for kinds, tell in TABLE:
        if isinstance(problem, kinds):
            return tell(problem)
    return DEFECT


DEFECT: Final = Problem(500, "defect", "A defect of ours", "It has been reported. Nothing was changed.")
INVALID: Final = Problem(422, "invalid", "Some values cannot be used", "Nothing was changed. Mend the fields below.")
IN_FLIGHT: Final = Problem(
    409,
    "in-flight",
    "The same request is being worked on",
    "Ask again with the same Idempotency-Key to hear its answer.",
    headers={"Retry-After": "1"},
)
LOST_UPDATE: Final = Problem(
    412,
    "lost-update",
    "Somebody changed it before you",
    "Nothing was changed. Read it again, and send your change with the new ETag in If-Match.",
)
NOT_FOUND: Final = Problem(404, "not-found", "Not found", "There is nothing at this address.")


def _api(problem: exceptions.APIException) -> Problem:
    """Of REST framework's own exceptions, by their status."""
    headers = {}
    if challenge := getattr(problem, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(problem, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, ceil(wait)))
    kind, title = KINDS.get(problem.status_code, ("refused", HTTPStatus(problem.status_code).phrase))
    return Problem(problem.status_code, kind, title, _sentence(problem.detail), headers=headers)


KINDS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("malformed", "The request cannot be read"),
    401: ("unauthenticated", "Who are you?"),
    403: ("forbidden", "You may not do this"),
    404: ("not-found", "Not found"),
    405: ("method", "Not possible at this address"),
    406: ("not-acceptable", "Only JSON is spoken here"),
    415: ("media-type", "Only JSON is understood here"),
    429: ("too-many", "Too many requests"),
}


def _sentence(detail: Any) -> str:
    """REST framework's detail may be a text, a list or a mapping of more."""
    if isinstance(detail, Mapping):
        return _sentence(detail.get("detail", next(iter(detail.values()), "")))
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        return _sentence(detail[0] if detail else "")
    return str(detail)


def _invalid(problem: exceptions.ValidationError) -> Problem:
    return replace(INVALID, errors=tuple(faults(problem.detail)))


def faults(detail: Any, place: str = "") -> Iterator[BadInput]:
    """A serializer's errors, flat: each with the dotted path of its field, such as `channels.0.address`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = place if name == "non_field_errors" else f"{place}.{name}" if place else str(name)
            yield from faults(inner, own)
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for number, inner in enumerate(detail):
            nested = isinstance(inner, Mapping) and len(detail) > 0
            yield from faults(inner, f"{place}.{number}" if nested and place else place)
    else:
        yield _fault(place or "body", detail)


#: What REST framework's own validators find, by their code: the problem in our words, unless empty, and the fix.
FIXES: Final[Mapping[str, tuple[str, str]]] = {
    "required": ("it is missing", "Give it"),
    "null": ("it is null", "Give a value, or leave the field out"),
    "blank": ("it is empty", "Give at least one character"),
    "empty": ("it is empty", "Give at least one"),
    "not_a_list": ("it is not a list", "Give a list, in square brackets"),
    "max_length": ("it is too long", ""),
    "min_length": ("it is too short", ""),
    "null_characters_not_allowed": ("it holds a null character", "Take the null characters out"),
    "surrogate_characters_not_allowed": ("it holds half a character", "Send well-formed Unicode"),
}


def _fault(place: str, detail: Any) -> BadInput:
    """Fields of ours say "problem. Fix"; REST framework's say one sentence, which serves as the fix."""
    problem, fix = FIXES.get(getattr(detail, "code", ""), ("", ""))
    first, _, rest = str(detail).partition(". ")
    if rest and not problem:
        return BadInput(place, first, rest.rstrip("."))
    return BadInput(place, problem or "it cannot be used", fix or str(detail).rstrip("."))


def _bad(problem: BadInput) -> Problem:
    return replace(INVALID, errors=(problem,))


def _rejected(problem: Rejected) -> Problem:
    return replace(INVALID, errors=problem.problems)


def _too_large(problem: TooLarge) -> Problem:
    return Problem(413, "too-large", "The body is too large", f"At most {problem.most} bytes. Send it in parts.")


def _missing(problem: Missing) -> Problem:
    return replace(NOT_FOUND, detail=f"There is no {problem.kind} {problem.key}.")


def _away(_problem: Exception) -> Problem:
    return Problem(
        503,
        UNAVAILABLE,
        "Something we need is away",
        "Nothing was changed. Try the same request again.",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


TABLE: Final[Sequence[tuple[Any, Callable[[Any], Problem]]]] = (
    (Misconfigured, lambda _: DEFECT),  # it is BadInput to whoever starts the process, not to a caller
    (BadInput, _bad),
    (Rejected, _rejected),
    (exceptions.ValidationError, _invalid),
    (Malformed, lambda p: Problem(400, *KINDS[400], p.detail)),
    (TooLarge, _too_large),
    (RequestDataTooBig, lambda _: Problem(413, "too-large", "The body is too large", "Send it in parts.")),
    ((Missing,), _missing),
    (Http404, lambda _: NOT_FOUND),
    (Conflict, lambda p: Problem(409, "conflict", p.title, p.detail)),
    (InFlight, lambda _: IN_FLIGHT),
    (LostUpdate, lambda _: LOST_UPDATE),
    (PermissionDenied, lambda _: Problem(403, *KINDS[403], "You lack what this route needs.")),
    ((SuspiciousOperation, UnreadablePostError), lambda _: Problem(400, *KINDS[400], "The request cannot be read.")),
    ((Unavailable, *PASSING), _away),
    (exceptions.APIException, _api),
)


EXAMPLE: Final = BadInput("timezone", "it is not a time zone", "Give an IANA name, such as Europe/Berlin")

#: One of each status, for the documentation.
EXAMPLES: Final[Mapping[int, Problem]] = {
    400: of(Malformed("The body is not JSON: line 1, column 9.")),
    401: Problem(401, *KINDS[401], "Authentication credentials were not provided."),
    403: of(PermissionDenied()),
    404: of(Missing("user", "0197a0f0-8c7e-7cc4-a3a5-6c1f9d3e2b10")),
    405: Problem(405, *KINDS[405], 'Method "PUT" not allowed.'),
    406: Problem(406, *KINDS[406], "Could not satisfy the request Accept header."),
    409: of(Conflict("The external id is taken", "Another user has it.")),
    412: LOST_UPDATE,
    413: of(TooLarge(64 * 1024)),
    415: Problem(415, *KINDS[415], 'Unsupported media type "text/plain" in request.'),
    422: of(EXAMPLE),
    429: Problem(429, *KINDS[429], "Request was throttled. Expected available in 7 seconds."),
    503: of(Unavailable("PostgreSQL", "")),
}
