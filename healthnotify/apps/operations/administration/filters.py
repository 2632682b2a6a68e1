"""Filters of lists whose choices are known beforehand: asking a million rows which values they hold is too dear."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest


def one_of(field: str, values: Iterable[str]) -> type[SimpleListFilter]:
    """A filter for one value of a field."""
    choices = [(value, value.replace("_", " ")) for value in values]

    class OneOf(SimpleListFilter):
        title = field.replace("_", " ")
        parameter_name = field

        def lookups(self, _request: HttpRequest, _page: Any) -> list[tuple[str, str]]:
            """What there is to choose from."""
            return choices

        def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
            """The rows with that value."""
            return rows.filter(**{field: self.value()}) if self.value() else rows

    return OneOf
