"""Lists in pages: each page is found by where the last one ended, never by counting rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from healthnotify.apps.api.fields import StrictSerializer
from healthnotify.domain.errors import BadInput

MOST: Final = 200
USUAL: Final = 50

Row = TypeVar("Row", bound=Model)


class PageQuery(StrictSerializer):
    """What every list may be asked for; a list with filters inherits from it."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MOST, default=USUAL, help_text="How many at most in this answer."
    )
    cursor = serializers.CharField(
        max_length=512, required=False, help_text="Where the last page ended: take the whole `next` of its answer."
    )


@dataclass(frozen=True, slots=True)
class Cursor:
    """One page of a list: how many, and after which key."""

    request: Request
    limit: int
    after: tuple[str, ...] | None  #: the key of the last row that the caller has seen, as texts

    @classmethod
    def of(cls, request: Request, asked: dict[str, Any]) -> Self:
        """From a validated `PageQuery`. Raises `BadInput` for a cursor that this list did not give out."""
        token = asked.get("cursor")
        return cls(request, asked["limit"], None if token is None else _opened(token, request.path))

    def slice(self, found: QuerySet[Row], *order: str) -> list[Row]:
        """The rows of this page and one more; `order` ends with a unique field, all ascending or all with a `-`."""
        downwards = order[0].startswith("-")
        if self.after is not None:
            names = [name.lstrip("-") for name in order]
            found = found.filter(_beyond(names, self._typed(found.model, names), downwards=downwards))
        return list(found.order_by(*order)[: self.limit + 1])

    def answer(
        self,
        rows: Sequence[Any],
        key: Callable[[Any], Iterable[Any]],
        show: Callable[[list[Any]], Iterable[Any]],
    ) -> Response:
        """`rows` hold one more than the page when there is a next one. `show` turns the page into representations."""
        page = list(rows[: self.limit])
        following = None
        if len(rows) > self.limit:
            token = signing.dumps([_text(part) for part in key(page[-1])], salt=_salt(self.request.path))
            following = self._address(token)
        return Response({"items": list(show(page)), "next": following})

    def _address(self, token: str) -> str:
        query = self.request.query_params.copy()
        query["cursor"] = token
        return self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")

    def _typed(self, model: type[Model], names: Sequence[str]) -> list[Any]:
        texts = self.after or ()
        if len(texts) != len(names):
            raise _foreign()
        fields: list[Any] = [model._meta.get_field(name) for name in names]  # noqa: SLF001
        try:
            return [field.to_python(text) for field, text in zip(fields, texts, strict=True)]
        except ValidationError:
            raise _foreign() from None  # the same address with another kind of rows


def _beyond(names: Sequence[str], values: Sequence[Any], *, downwards: bool) -> Q:
    """(a, b) > (x, y), written so that an index on (a, b) serves: a >= x AND (a > x OR (a = x AND b > y))."""
    sign = "lt" if downwards else "gt"
    name, value = names[0], values[0]
    further = Q(**{f"{name}__{sign}": value})
    if len(names) == 1:
        return further
    same = Q(**{name: value}) & _beyond(names[1:], values[1:], downwards=downwards)
    return Q(**{f"{name}__{sign}e": value}) & (further | same)


def _text(part: Any) -> str:
    return part.isoformat() if hasattr(part, "isoformat") else str(part)


def _opened(token: str, path: str) -> tuple[str, ...]:
    try:
        return tuple(signing.loads(token, salt=_salt(path)))
    except signing.BadSignature:
        raise _foreign() from None


def _salt(path: str) -> str:
    return f"cursor of {path}"


def _foreign() -> BadInput:
    return BadInput("cursor", "it is not one that this list gave out", "Take the whole `next` of the page before")
