"""Logging in with a password, for tokens and for the pages: counted, locked after too many failures, audited."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import LoginView, LogoutView
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from healthnotify.apps.access import audit
from healthnotify.apps.access.addresses import address_of
from healthnotify.apps.access.audit import NOBODY, Action, actor_of
from healthnotify.apps.access.models import Operator
from healthnotify.apps.wiring import wired

#: From one address, whoever is named: hashing a password is dear on purpose.
TRIES_A_MINUTE: Final = 20


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody was let in."""

    retry_after: int | None = None  #: seconds, when the password was not looked at, or was one failure too many


def let_in(request: HttpRequest, username: str, password: str) -> Operator | Refused:
    """Whoever that is, without a session. While they are locked out the right password is refused, too."""
    if wait := _too_many(request):
        return Refused(wait)
    operator = authenticate(request, username=username, password=password)
    if not isinstance(operator, Operator):
        return _failed(request, username)
    user_logged_in.send(Operator, request=request, user=operator)  # counts failures anew, notes the time
    audit.note(operator.actor, Action.LOGGED_IN, str(operator.pk), wired(request).now(), way="token")
    return operator


class LogIn(LoginView):
    """The page's log-in. Its template is shown with `wait_minutes` when it is refused for that long."""

    template_name = "operations/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As Django's, unless too many come from this address."""
        if wait := _too_many(request):
            return self._put_off(wait)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """They are who they say."""
        operator = form.get_user()
        audit.note(operator.actor, Action.LOGGED_IN, str(operator.pk), wired(self.request).now(), way="page")
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        """The same words whether there is such an operator or not."""
        refused = _failed(self.request, str(form.data.get("username", "")))
        return super().form_invalid(form) if refused.retry_after is None else self._put_off(refused.retry_after)

    def _put_off(self, seconds: int) -> HttpResponse:
        context = self.get_context_data(form=self.get_form_class()(self.request), wait_minutes=-(-seconds // 60))
        return self.render_to_response(context, status=429, headers={"Retry-After": str(seconds)})


class LogOut(LogoutView):
    """The page's log-out, by POST."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As Django's, and written down."""
        if request.user.is_authenticated:
            audit.note(actor_of(request), Action.LOGGED_OUT, str(request.user.pk), wired(request).now())
        return super().post(request, *args, **kwargs)


def _too_many(request: HttpRequest) -> int | None:
    """Seconds to wait when this address has tried too often in the last minute."""
    allowance = wired(request).limiter.take({f"login:{address_of(request)}": TRIES_A_MINUTE})
    return None if allowance.allowed else _whole(allowance.retry_after)


def _failed(request: HttpRequest, username: str) -> Refused:
    """What follows from a failure that django-axes has just counted."""
    if not getattr(request, "axes_locked_out", False):
        return Refused()
    place, address = wired(request), address_of(request)
    if request.axes_failures_since_start is not None:  # type: ignore[attr-defined] # this one was the last
        operator = Operator.objects.filter(username=username).first()
        target = str(operator.pk) if operator else "unknown"  # never what was typed: it may be a password
        audit.note(NOBODY, Action.LOCKED_OUT, target, place.now(), address=address)
        place.log.note("locked_out", operator=target)
    return Refused(_locked_for(request, username, address))


def _locked_for(request: HttpRequest, username: str, address: str | None) -> int:
    """Seconds until the last failure is forgotten."""
    tries = AccessAttempt.objects.filter(username=username, ip_address=address)
    last, length = tries.aggregate(last=Max("attempt_time"))["last"], get_cool_off(request) or timedelta(0)
    passed = request.axes_attempt_time - last if last else timedelta(0)  # type: ignore[attr-defined]
    return max(1, _whole((length - passed).total_seconds()))


def _whole(seconds: float) -> int:
    return max(1, int(-(-seconds // 1)))
