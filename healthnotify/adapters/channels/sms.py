"""SMS over a Twilio-compatible API: at most one accepted request, because the API knows no key; doubt is UNKNOWN."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from healthnotify.adapters import retry_after
from healthnotify.adapters.http_outcomes import Answer, Poster
from healthnotify.adapters.segments import segments
from healthnotify.domain.delivery import Accepted, Failure, FailureKind, Letter, Outcome

AT_ONCE: Final = 256
MOST_READ: Final = 16384  # bytes: the answer repeats the text
#: About us, not the person: credentials, or a path under which there is no such account.
ABOUT_US: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
#: Said before the request was taken up.
NOT_TAKEN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class TwilioSms:
    """`ChannelPort` for SMS. Only the text is sent; the subject is for mail."""

    def __init__(
        self,
        *,
        base_url: str,
        account: str,
        token: str,
        sender: str,
        timeout: timedelta,
        clock: Callable[[], datetime],
        most_segments: int = 6,
    ) -> None:
        """`sender` is an E.164 number or a sender id; `timeout` covers one send. A longer text is refused."""
        self._url = f"{base_url.rstrip('/')}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
        self._authorization = "Basic " + b64encode(f"{account}:{token}".encode()).decode()
        self._provider = f"sms:{urlsplit(base_url).netloc}"
        self._sender = sender
        self._most_segments = most_segments
        self._clock = clock
        self._poster = Poster(timeout, only_public=False, most_read=MOST_READ)  # named by the operator, no stranger

    @property
    def at_once(self) -> int:
        """See `ports.ChannelPort`."""
        return AT_ONCE

    def provider(self, letter: Letter) -> str:
        """See `ports.ChannelPort`."""
        return self._provider

    async def send(self, letter: Letter) -> Outcome:
        """Answers within `timeout`."""
        if not letter.text or segments(letter.text).count > self._most_segments:
            return Failure(FailureKind.PERMANENT, "too_long" if letter.text else "empty")
        content = urlencode({"To": letter.address, "From": self._sender, "Body": letter.text})
        headers = {
            "Authorization": self._authorization,
            "Content-Type": "application/x-www-form-urlencoded",
            "Idempotency-Key": str(letter.id),  # Twilio ignores it; a provider that does not is one doubt less
        }
        answer = await self._poster.post(self._url, content.encode(), headers)
        return answer if isinstance(answer, Failure) else _outcome(answer, self._clock())

    async def close(self) -> None:
        """Let go of the connections."""
        await self._poster.close()


def _outcome(answer: Answer, now: datetime) -> Outcome:
    status, said = answer.status, _object(answer.body)
    if status // 100 == 2:
        sid = said.get("sid")
        return Accepted(sid) if isinstance(sid, str) and sid else Failure(FailureKind.UNKNOWN, "bad_answer")
    if status in ABOUT_US:
        return Failure(FailureKind.TRANSIENT, "sms_auth")
    if status in NOT_TAKEN:
        wait = retry_after.parse(answer.headers.get("Retry-After"), now)
        return Failure(FailureKind.TRANSIENT, f"http_{status}", wait)
    if status // 100 == 3:  # SMS_BASE_URL is not where the API lives
        return Failure(FailureKind.TRANSIENT, "redirect")
    if status // 100 == 4:
        code = said.get("code")
        return Failure(FailureKind.PERMANENT, f"sms_{code}" if isinstance(code, int) else f"http_{status}")
    return Failure(FailureKind.UNKNOWN, f"http_{status}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
