"""What is sealed of a user, and the rows that each token is bound to."""

from typing import Any
from uuid import UUID

from healthnotify.apps.privacy.cipher import UserKey
from healthnotify.domain.model import Channel


def about_name(user_id: UUID) -> str:
    """The row that a sealed name is bound to."""
    return f"users.name:{user_id}"


def about_address(user_id: UUID, channel: Channel | str) -> str:
    """The row that a sealed address is bound to: one a user and channel."""
    return f"addresses.address:{user_id}:{channel}"


def open_name(key: UserKey, row: Any) -> str:
    """The name in a row with `user_id` and `name_sealed`."""
    return key.open(row.name_sealed, about_name(row.user_id))


def open_address(key: UserKey, row: Any) -> str:
    """The address in a row with `user_id`, `channel` and `address_sealed`; empty when there is none."""
    return key.open(row.address_sealed, about_address(row.user_id, row.channel)) if row.address_sealed else ""


def about_notes(user_id: UUID, goal: str) -> str:
    """The row that sealed goal notes are bound to: one a user and goal."""
    return f"goals.notes:{user_id}:{goal}"
