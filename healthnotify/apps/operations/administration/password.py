"""An operator's own new password."""

from typing import Any

from django.contrib.auth.views import PasswordChangeView
from django.http import HttpResponse
from django.urls import reverse_lazy
from unfold.forms import AdminOwnPasswordChangeForm

from healthnotify.apps.access import audit
from healthnotify.apps.access.audit import Action
from healthnotify.apps.wiring import wired


class OwnPassword(PasswordChangeView):
    """Asks for the old one; every other session of the operator ends."""

    form_class = AdminOwnPasswordChangeForm
    success_url = reverse_lazy("admin:password_change_done")
    template_name = "registration/password_change_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Save it and write it down."""
        actor = audit.actor_of(self.request)
        audit.note(actor, Action.PASSWORD_SET, str(self.request.user.pk), wired(self.request).now())
        return super().form_valid(form)
