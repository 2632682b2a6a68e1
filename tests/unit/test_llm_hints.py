"""How long a 429 asks us to wait, in whichever way it says so."""

import httpx2
import openai
import pytest

from healthnotify.adapters.llm_sdk import hint

DATE = "Sun, 22 Nov 2026 10:00:00 GMT"


def refused(**headers):
    request = httpx2.Request("POST", "http://localhost/v1/responses")
    written = {name.replace("_", "-"): value for name, value in headers.items()}
    return openai.RateLimitError("no", response=httpx2.Response(429, headers=written, request=request), body=None)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "20"}, 20),
        ({"retry_after": "0"}, 0),
        ({"retry_after": "Sun, 22 Nov 2026 10:00:07 GMT", "date": DATE}, 7),
        ({"retry_after": "Sun, 22 Nov 2026 09:00:00 GMT", "date": DATE}, 0),
        ({"retry_after_ms": "250"}, 0.25),
        ({"x_ratelimit_reset_requests": "1s"}, 1),
        ({"x_ratelimit_reset_requests": "6m0s"}, 360),
        ({"x_ratelimit_reset_requests": "1h2m3.5s"}, 3723.5),
        ({"x_ratelimit_reset_tokens": "120ms"}, 0.12),
        ({"x_ratelimit_reset_requests": "1s", "x_ratelimit_reset_tokens": "9s"}, 9),
        ({"x_ratelimit_reset": "3"}, 3),
        ({"retry_after": "2", "x_ratelimit_reset_requests": "9s"}, 2),
        ({"retry_after": "soon", "x_ratelimit_reset_requests": "9s"}, 9),
        ({"retry_after_ms": "2000", "x_ratelimit_reset_requests": "9s"}, 2),
    ],
)
def test_a_hint_is_read_in_every_form(headers, seconds):
    assert hint(refused(**headers)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry_after": "soon"},
        {"retry_after": "-5"},
        {"retry_after": ""},
        {"retry_after": "Sun, 22 Nov 2026 10:00:07 GMT"},
        {"retry_after": "Sun, 22 Nov 2026 10:00:07 GMT", "date": "yesterday"},
        {"x_ratelimit_reset_requests": ""},
        {"x_ratelimit_reset_requests": "a while"},
        {"x_ratelimit_reset_requests": "9" * 400 + "s"},
        {"retry_after_ms": "1e9"},
    ],
)
def test_a_hint_without_sense_is_none(headers):
    assert hint(refused(**headers)) is None
