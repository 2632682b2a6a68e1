"""For tests of the admin: operators of each role, and forms filled in as a browser would."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from healthnotify.apps.access.models import Operator
from healthnotify.apps.access.scopes import Role


@pytest.fixture
def logged_in(db, installation) -> Callable[[Role], Client]:
    """A browser of somebody with that role."""

    def enter(role: Role) -> Client:
        operator, _ = Operator.objects.get_or_create(username=f"{role}-1", role=role)
        browser = Client(raise_request_exception=False)
        browser.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
        return browser

    return enter


@pytest.fixture
def administrator(logged_in) -> Client:
    """Who may do everything."""
    return logged_in(Role.ADMINISTRATOR)


def at(name: str, *args: object) -> str:
    """An address of the admin."""
    return reverse(f"admin:{name}", args=args)


def filled(page, **but: object) -> dict[str, object]:
    """What a browser sends when nothing but these fields is changed."""
    form = page.context["adminform"].form
    sent = {key: value for name in form.fields for key, value in _field(form[name]).items()}
    for inline in page.context["inline_admin_formsets"]:
        management = inline.formset.management_form
        sent |= {management[name].html_name: management[name].value() for name in management.fields}
        sent |= {one[name].html_name: one[name].value() for one in inline.formset.forms for name in one.fields}
    return {name: value for name, value in (sent | but).items() if value is not None}


def _field(bound) -> dict[str, object]:
    value = bound.value()
    shown = bound.field.prepare_value(value)
    if shown is False:
        return {bound.html_initial_name: "False"}
    shown = "on" if shown is True else shown
    return {bound.html_name: shown, bound.html_initial_name: "True" if shown == "on" else shown}
