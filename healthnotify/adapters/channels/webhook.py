"""Webhooks (Standard Webhooks): at least once; the constant `webhook-id` makes a second copy replace the first."""

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from healthnotify.adapters import retry_after
from healthnotify.adapters.http_outcomes import Answer, Poster
from healthnotify.domain.delivery import Accepted, Failure, FailureKind, Letter, Outcome
from healthnotify.domain.errors import Misconfigured

AT_ONCE: Final = 256
SHORTEST_KEY: Final = 24  # bytes, by Standard Webhooks
TRY_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class WebhookChannel:
    """`ChannelPort` that posts JSON to a user's own URL; 200 and more at a time."""

    def __init__(self, *, secret: str, allow_private: bool, timeout: timedelta, clock: Callable[[], datetime]) -> None:
        """`secret` is base64, with or without `whsec_`; `timeout` covers one send in all. `allow_private` also allows
        http, for a receiver on one's own network. Raises `Misconfigured`."""
        self._signer = Webhook(_key(secret))
        self._schemes = {"http", "https"} if allow_private else {"https"}
        self._clock = clock
        self._poster = Poster(timeout, only_public=not allow_private)

    @property
    def at_once(self) -> int:
        """See `ports.ChannelPort`."""
        return AT_ONCE

    def provider(self, letter: Letter) -> str:
        """See `ports.ChannelPort`. Of an address that is none, nothing: it is refused before anybody is asked."""
        try:
            return f"webhook:{urlsplit(letter.address).netloc.rpartition('@')[2].lower()}"
        except ValueError:
            return "webhook:"

    async def send(self, letter: Letter) -> Outcome:
        """Answers within `timeout`. An unknown outcome is safe to try again: the id is the same."""
        if reason := self._objection(letter.address):
            return Failure(FailureKind.PERMANENT, reason)
        content = json.dumps(
            {"id": str(letter.id), "category": letter.category, "subject": letter.subject, "text": letter.text}
        )
        answer = await self._poster.post(letter.address, content.encode(), self._headers(letter, content))
        return answer if isinstance(answer, Failure) else _outcome(answer, self._clock())

    async def close(self) -> None:
        """Let go of the connections."""
        await self._poster.close()

    def _headers(self, letter: Letter, content: str) -> dict[str, str]:
        now = self._clock().astimezone(UTC)
        return {
            "Content-Type": "application/json",
            "webhook-id": str(letter.id),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(str(letter.id), now, content),
        }

    def _objection(self, address: str) -> str | None:
        try:
            url = urlsplit(address)
        except ValueError:
            return "bad_address"
        if url.scheme not in self._schemes or not url.hostname:
            return "bad_address"
        return "credentials_in_address" if url.username is not None or url.password is not None else None


def _key(secret: str) -> bytes:
    """Strictly, because the library passes over whatever is not base64 and may end up with a key of nothing."""
    text = secret.removeprefix("whsec_").rstrip("=")
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if len(key) < SHORTEST_KEY:
        fix = "Make one: openssl rand -base64 32."
        raise Misconfigured("WEBHOOK_SECRET", f"it is not base64 of {SHORTEST_KEY} bytes or more", fix)
    return key


def _outcome(answer: Answer, now: datetime) -> Outcome:
    status, reason = answer.status, f"http_{answer.status}"
    match status // 100:
        case 2:
            return Accepted(reason)
        case 3:  # it could lead inside, and the owner can save the new URL as well as we can
            return Failure(FailureKind.PERMANENT, "redirect")
        case 4 if status not in TRY_AGAIN:
            return Failure(FailureKind.PERMANENT, reason)
        case 4 | 5:
            wait = retry_after.parse(answer.headers.get("Retry-After"), now)
            return Failure(FailureKind.TRANSIENT, reason, wait)
        case _:
            return Failure(FailureKind.UNKNOWN, "bad_answer")
