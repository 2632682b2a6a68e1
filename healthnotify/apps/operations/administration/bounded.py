"""Pages of a list whose end nobody counts: beyond a few thousand rows a filter serves better than a page number."""

from functools import cached_property
from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest
from unfold.views import ChangeList

MOST: Final = 5_000


class Bounded(Paginator):
    """Counts no further than `MOST`, so that a list of a million rows opens as fast as one of a hundred."""

    template_name = "operations/admin/pages.html"

    @cached_property
    def count(self) -> int:
        """How many rows there are, or `MOST`."""
        return int(self.object_list.order_by()[:MOST].count())

    @property
    def is_full(self) -> bool:
        """Whether there may be more."""
        return self.count >= MOST


class Rows(ChangeList):
    """A list that says how many rows it shows, and not how many there would be without its filters."""

    def get_results(self, request: HttpRequest) -> None:
        """As Django's."""
        super().get_results(request)
        self.full_result_count = self.result_count
