"""What a provider's `Retry-After` asks for; a stranger's text, so nothing in it is trusted."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = timedelta(days=365)  # keeps arithmetic with it safe; the retry policy clamps further


def parse(text: str | None, now: datetime) -> timedelta | None:
    """The wait that seconds or an HTTP date ask for, in [0, LONGEST]; None when absent, negative or not understood.

    `now` is aware. A date in the past means no wait. Fractions and signs are outside the grammar (RFC 9110, 10.2.3).
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text)) if len(text) < 8 else LONGEST  # 7 digits are 115 days
    return _until_date(text, now)


def _until_date(text: str, now: datetime) -> timedelta | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta(0)), LONGEST)
