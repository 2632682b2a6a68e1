"""The one table that says which scope each route needs, API and pages alike. What is not in it is refused."""

from collections.abc import Mapping
from typing import Final

from healthnotify.apps.access.scopes import Scope

#: URL name -> method -> scope; None is open to everybody. HEAD counts as GET.
ROUTES: Final[Mapping[str, Mapping[str, Scope | None]]] = {
    "api:schema": {"GET": None},
    "api:docs": {"GET": None},
    "api:tokens": {"POST": None},
    "api:tokens-refresh": {"POST": None},
    "api:tokens-revoke": {"POST": None},
    "api:keys": {"GET": Scope.ADMINISTER, "POST": Scope.ADMINISTER},
    "api:key": {"GET": Scope.ADMINISTER, "DELETE": Scope.ADMINISTER},
    "api:users": {"GET": Scope.USERS_READ, "POST": Scope.USERS_WRITE},
    "api:users-bulk": {"POST": Scope.USERS_WRITE},
    "api:user": {"GET": Scope.USERS_READ, "PATCH": Scope.USERS_WRITE, "DELETE": Scope.USERS_WRITE},
    "api:user-goals": {"GET": Scope.USERS_READ},
    "api:user-goal": {"GET": Scope.USERS_READ, "PUT": Scope.USERS_WRITE, "DELETE": Scope.USERS_WRITE},
    "api:user-preferences": {"GET": Scope.USERS_READ},
    "api:user-preference": {"GET": Scope.USERS_READ, "PUT": Scope.USERS_WRITE, "DELETE": Scope.USERS_WRITE},
    "api:goals": {"GET": Scope.NOTIFICATIONS_READ},
    "api:templates": {"GET": Scope.NOTIFICATIONS_READ},
    "api:evidence": {"GET": Scope.NOTIFICATIONS_READ},
    "api:notifications": {"GET": Scope.NOTIFICATIONS_READ, "POST": Scope.NOTIFICATIONS_WRITE},
    "api:notification": {"GET": Scope.NOTIFICATIONS_READ},
    "api:notification-message": {"GET": Scope.MESSAGES_READ},
    "api:notification-cancel": {"POST": Scope.NOTIFICATIONS_WRITE},
    "api:dead-letters": {"GET": Scope.OPERATE},
    "api:dead-letters-redrive": {"POST": Scope.OPERATE},
    "operations:login": {"GET": None, "POST": None},
    "operations:logout": {"POST": Scope.NOTIFICATIONS_READ},
    "operations:dashboard": {"GET": Scope.NOTIFICATIONS_READ},
    "operations:events": {"GET": Scope.NOTIFICATIONS_READ},
    "operations:notification": {"GET": Scope.NOTIFICATIONS_READ},
    "operations:message": {"POST": Scope.MESSAGES_READ},
    "operations:cancel": {"POST": Scope.NOTIFICATIONS_WRITE},
    "operations:search": {"GET": Scope.NOTIFICATIONS_READ},  # finds users for those only who have users:read
    "operations:user": {"GET": Scope.USERS_READ},
    "operations:dead-letters": {"GET": Scope.OPERATE},
    "operations:redrive": {"POST": Scope.OPERATE},
    "operations:evidence": {"GET": Scope.NOTIFICATIONS_READ},
    "operations:evidence-rows": {"GET": Scope.NOTIFICATIONS_READ},
    # Whoever sees anything may come in; each page of the admin then asks for the scope of what it shows or changes.
    "admin:*": {"GET": Scope.NOTIFICATIONS_READ, "POST": Scope.NOTIFICATIONS_READ},
    "start": {"GET": None},
    "own-page": {"GET": None, "POST": None},
    "health-live": {"GET": None},
    "health-ready": {"GET": None},
    "metrics": {"GET": None},
}


def methods(name: str) -> Mapping[str, Scope | None]:
    """What the table says of a URL name: nothing, when it does not have it."""
    return ROUTES.get("admin:*" if name.startswith("admin:") else name, {})


def is_open(method: str, name: str) -> bool:
    """Whether everybody may, whoever they are."""
    return methods(name).get(_counted(method), Scope.ADMINISTER) is None


def may(scopes: frozenset[Scope], method: str, name: str) -> bool:
    """Whether the table lets somebody with these scopes do it."""
    return is_open(method, name) or methods(name).get(_counted(method)) in scopes


def _counted(method: str) -> str:
    return "GET" if method == "HEAD" else method
