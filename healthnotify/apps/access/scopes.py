"""What one may do here, and which of it each role and each kind of caller has. Routes name theirs in `routes`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """One thing that a caller may do."""

    USERS_READ = "users:read"  #: read users with names and addresses, goals and preferences
    USERS_WRITE = "users:write"  #: create, change, deactivate and erase them
    NOTIFICATIONS_READ = "notifications:read"  #: read notifications without their text, the evidence, the templates
    NOTIFICATIONS_WRITE = "notifications:write"  #: ask for a notification, take one back
    MESSAGES_READ = "messages:read"  #: read what a message says; each reading is audited
    OPERATE = "operate"  #: dead letters and their redrive
    ADMINISTER = "administer"  #: keys and operators; for people only


#: What an API key may be given. `administer` is not among them: a key that makes keys could not be revoked for good.
FOR_KEYS: Final = tuple(scope for scope in Scope if scope is not Scope.ADMINISTER)


class Role(StrEnum):
    """What an operator is to the installation."""

    VIEWER = "viewer"  #: looks on, sees nobody's name, address or text
    OPERATOR = "operator"  #: runs it
    ADMINISTRATOR = "administrator"  #: may do everything


SCOPES: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.VIEWER: frozenset({Scope.NOTIFICATIONS_READ}),
    Role.OPERATOR: frozenset(
        {
            Scope.USERS_READ,
            Scope.USERS_WRITE,
            Scope.NOTIFICATIONS_READ,
            Scope.NOTIFICATIONS_WRITE,
            Scope.OPERATE,
        }
    ),
    Role.ADMINISTRATOR: frozenset(Scope),
}
