"""Rate limits of the API: so many requests a minute for one caller, and for one address over all of its callers."""

from typing import TYPE_CHECKING, Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from healthnotify.apps.access.addresses import address_of
from healthnotify.apps.access.audit import NOBODY, actor_of
from healthnotify.apps.wiring import wired
from healthnotify.domain.limits import Allowance

if TYPE_CHECKING:  # REST framework's views read their default throttles, this one, while they are imported
    from rest_framework.views import APIView


class PerCaller(BaseThrottle):
    """Counts a request against its caller and its address. Its allowance stays on the request, for the headers."""

    def allow_request(self, request: Request, _view: "APIView") -> bool:
        """Whether it may go on. Asked twice for one request (REST framework does) it counts once."""
        inner = request._request  # noqa: SLF001 - what is on it outlives the wrapper, of which there may be several
        self._allowance: Allowance = getattr(inner, "allowance", None) or _take(request)
        inner.allowance = self._allowance  # type: ignore[attr-defined]
        return self._allowance.allowed

    def wait(self) -> float:
        """Seconds, for `Retry-After`."""
        return self._allowance.retry_after


def headers(request: Any) -> dict[str, str]:
    """What the answer to this request says about the limits; nothing where it was not counted."""
    allowance: Allowance | None = getattr(getattr(request, "_request", request), "allowance", None)
    if allowance is None:
        return {}
    return {
        "RateLimit-Limit": str(allowance.limit),
        "RateLimit-Remaining": str(allowance.remaining),
        "RateLimit-Reset": str(_whole(allowance.reset_after)),
    }


def _take(request: Request) -> Allowance:
    place = wired(request)
    limits = {f"address:{address_of(request)}": place.address_requests_per_minute}
    if (actor := actor_of(request)) != NOBODY:
        limits[actor] = place.requests_per_minute
    return place.limiter.take(limits)


def _whole(seconds: float) -> int:
    return int(-(-seconds // 1))
