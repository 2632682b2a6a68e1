"""Operators: made, given a role or a password, deactivated. Each change is audited."""

import re
import secrets
from datetime import datetime
from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from healthnotify.apps.access import audit
from healthnotify.apps.access.audit import Action
from healthnotify.apps.access.models import Operator
from healthnotify.apps.access.scopes import Role
from healthnotify.domain.errors import BadInput, Conflict, Missing

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


def make(name: str, role: str, password: str | None, *, by: str, at: datetime) -> tuple[Operator, str | None]:
    """A new operator; without a password one is made up, and answered, this once. Raises `BadInput`, `Conflict`."""
    if not NAME.fullmatch(name):
        fix = "Use 1 to 64 small letters, digits, dots, dashes and underscores, a letter or digit first"
        raise BadInput("name", f"{name!r} cannot be an operator's name", fix)
    if Operator.objects.filter(username=name).exists():
        raise Conflict("There is such an operator", f"{name!r} exists; choose another name, or set its password")
    chosen = role_named(role)
    made_up, password = _chosen(password)
    with transaction.atomic():
        operator = Operator.objects.create_user(name, password, chosen)
        audit.note(by, Action.OPERATOR_MADE, str(operator.pk), at, role=chosen.value)
    return operator, made_up


def set_password(name: str, password: str | None, *, by: str, at: datetime) -> str | None:
    """Ends their sessions and tokens. Answers the password where one is made up. Raises `BadInput`, `Missing`."""
    made_up, password = _chosen(password)
    with transaction.atomic():
        operator = _locked(name)
        operator.set_password(password)
        operator.save(update_fields=["password"])
        audit.note(by, Action.PASSWORD_SET, str(operator.pk), at)
    return made_up


def set_role(name: str, role: str, *, by: str, at: datetime) -> None:
    """What they may do changes with their next request. Raises `BadInput`, `Missing`."""
    chosen = role_named(role)
    with transaction.atomic():
        operator = _locked(name)
        before, operator.role = operator.role, chosen.value
        operator.save(update_fields=["role"])
        audit.note(by, Action.ROLE_SET, str(operator.pk), at, before=before, role=chosen.value)


def deactivate(name: str, *, by: str, at: datetime) -> None:
    """They are out with their next request; what they did stays. Raises `Missing`."""
    with transaction.atomic():
        operator = _locked(name)
        operator.is_active = False
        operator.save(update_fields=["is_active"])
        audit.note(by, Action.OPERATOR_DEACTIVATED, str(operator.pk), at)


def role_named(text: str) -> Role:
    """Raises `BadInput`."""
    try:
        return Role(text)
    except ValueError:
        raise BadInput("role", f"{text!r} is no role", f"Give one of {', '.join(Role)}") from None


def _locked(name: str) -> Operator:
    try:
        return Operator.objects.select_for_update().get(username=name)
    except Operator.DoesNotExist:
        raise Missing("operator", name) from None


def _chosen(password: str | None) -> tuple[str | None, str]:
    """What to show, and what to set."""
    if password is None:
        made_up = secrets.token_urlsafe(15)
        return made_up, made_up
    try:
        validate_password(password)
    except ValidationError as problem:
        raise BadInput("password", "it is too easy to guess", " ".join(problem.messages)) from None
    return None, password
