"""JSON Web Tokens for people: a short one to call with, a longer one to renew it, which works once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import datetime_from_epoch, get_md5_hash_password

from healthnotify.apps.access.models import Operator

CLEARED_AT_ONCE: Final = 20  # old ones, by each log-in


@dataclass(frozen=True, slots=True)
class Pair:
    """What a log-in hands out."""

    access: str
    refresh: str
    expires_in: int  #: seconds that `access` lives


def hand_out(operator: Operator) -> Pair:
    """A fresh pair. The longer one is remembered by its number, so that it can be taken back."""
    refresh = RefreshToken()
    refresh[api_settings.USER_ID_CLAIM] = str(operator.pk)
    refresh[api_settings.REVOKE_TOKEN_CLAIM] = get_md5_hash_password(operator.password)
    return _remembered(refresh, operator)


def renew(text: str) -> Pair | None:
    """Another pair for the longer token of one; None when that is none of ours, has been used, or its time is over.

    The new one ends when the first one would have: every shift begins with a password.
    """
    try:
        used = RefreshToken(text)  # type: ignore[arg-type]
    except TokenError:
        return None
    with transaction.atomic():
        _, is_first_use = used.blacklist()  # type: ignore[misc]
        operator = _operator_of(used)
        if operator is None or not is_first_use:
            return None
        following = RefreshToken()
        for claim in (api_settings.USER_ID_CLAIM, api_settings.REVOKE_TOKEN_CLAIM, "exp"):
            following[claim] = used[claim]
        return _remembered(following, operator)


def take_back(text: str) -> None:
    """Let the longer token of a pair renew nothing any more; what is none of ours is none already."""
    try:
        RefreshToken(text).blacklist()  # type: ignore[arg-type]
    except TokenError:
        return


def forget_old(now: datetime) -> None:
    """Clear away a few tokens whose time is over, with what was noted against them."""
    old = OutstandingToken.objects.filter(expires_at__lt=now).order_by("expires_at")[:CLEARED_AT_ONCE]
    OutstandingToken.objects.filter(id__in=old.values("id")).delete()


def _operator_of(token: RefreshToken) -> Operator | None:
    """Whose it is, if they may still come in with the password that they had then."""
    operator = Operator.objects.filter(pk=token.get(api_settings.USER_ID_CLAIM), is_active=True).first()
    if operator is None or token.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(operator.password):
        return None
    return operator


def _remembered(refresh: RefreshToken, operator: Operator) -> Pair:
    """The library would keep the token itself; whoever reads our table shall not be able to use what is in it."""
    OutstandingToken.objects.create(
        user=operator,
        jti=refresh[api_settings.JTI_CLAIM],
        token="",
        created_at=refresh.current_time,
        expires_at=datetime_from_epoch(refresh["exp"]),
    )
    access = refresh.access_token
    lives = min(int(access["exp"]), int(refresh["exp"])) - int(refresh.current_time.timestamp())
    access["exp"] = min(int(access["exp"]), int(refresh["exp"]))
    return Pair(access=str(access), refresh=str(refresh), expires_in=lives)
