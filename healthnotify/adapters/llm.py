"""The language model over OpenAI's API or a compatible one: a brief goes out, a draft or a reason comes back.

Nothing about a person gets into a request: `Brief` has no place for it. Nothing of the SDK gets out of here.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import monotonic
from typing import Any, Final, NamedTuple

import msgspec

from healthnotify.adapters.llm_answer import SCHEMA, Reader, from_chat, from_responses
from healthnotify.adapters.prompts import prompt
from healthnotify.domain.model import Brief, Draft
from healthnotify.pipeline.ports import NotWritten

OPENAI: Final = "https://api.openai.com/v1"
PROMPT: Final = "nudge_1"
FORMAT: Final = {"name": "draft", "schema": SCHEMA, "strict": True}
#: What the model may write, its reasoning included: an answer needs about 150 tokens, thinking at low effort 500.
MOST_TOKENS: Final = 2_000
THINKS: Final = re.compile(r"(?:gpt-5|o[134])(?!.*-(?:chat|pro))")  # models that know reasoning.effort = low
CODE: Final = re.compile(r"[\w.:-]{0,32}", re.ASCII)  # what the text fields of a brief look like

SHORTEST_CALL: Final = 2.0  # seconds of a deadline that are not spent on waiting for a turn

#: Seconds without calls after an answer that the next call would only get again.
REST: Final = {"quota_exhausted": 120.0, "unauthorised": 30.0, "rate_limited": 1.0}


class _Route(NamedTuple):
    """One of the two addresses at which servers of this kind write text."""

    create: Callable[..., Awaitable[Any]]
    shape: Callable[[str], dict[str, Any]]
    read: Reader


class OpenAIWriter:
    """Port `Writer`. Use it in one event loop. Loads the SDK (about a second) when it is made, not when imported."""

    def __init__(
        self, *, key: str, base_url: str | None, model: str, requests_per_minute: int, redis_url: str | None = None
    ) -> None:
        """`base_url` ends in /v1; None is OpenAI. Connects to nothing yet. Raises `Misconfigured`."""
        from healthnotify.adapters import llm_pace, llm_sdk  # here: who writes nothing does not pay for the import

        self._sdk = llm_sdk
        self._client = llm_sdk.connect(key, base_url or OPENAI)
        self._pace = llm_pace.Pace(requests_per_minute, name=model, redis_url=redis_url)
        self._prompt = prompt(PROMPT)
        self._routes = [
            _Route(self._client.responses.with_raw_response.create, self._for_responses, from_responses),
            _Route(self._client.chat.completions.with_raw_response.create, self._for_chat, from_chat),
        ]
        self.model = model
        self.prompt_id = self._prompt.id
        self.prompt_hash = self._prompt.hash

    async def write(self, brief: Brief, deadline: timedelta) -> Draft:
        """A draft within `deadline`, the wait for a turn included. Raises `NotWritten`, and nothing else."""
        asked = as_request(brief)
        seconds = deadline.total_seconds()
        until = monotonic() + seconds
        if seconds <= 0:
            raise NotWritten("timeout")
        await self._pace.turn(seconds - min(SHORTEST_CALL, seconds / 2))
        try:
            async with asyncio.timeout(until - monotonic()):
                return await self._ask(asked)
        except TimeoutError:
            raise NotWritten("timeout") from None

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()
        await self._pace.close()

    async def _ask(self, asked: str) -> Draft:
        """Ask at the first address and, where the server does not have it, at the second, from then on only there."""
        routes = self._routes
        for route in routes:
            try:
                answer = await route.create(**route.shape(asked))
            except self._sdk.FAILURES as problem:
                if route is routes[-1] or not self._sdk.lacks_route(problem):
                    raise self._failed(problem) from None
            else:
                self._routes = [route]
                return route.read(answer.content)
        raise AssertionError("the last address answers or raises")

    def _failed(self, problem: Exception) -> NotWritten:
        reason = self._sdk.reason(problem)
        if reason in REST:
            hint = self._sdk.hint(problem) if reason == "rate_limited" else None
            self._pace.hold(reason, REST[reason] if hint is None else hint)
        return NotWritten(reason)

    def _for_responses(self, asked: str) -> dict[str, Any]:
        request = {
            "model": self.model,
            "instructions": self._prompt.text,
            "input": asked,
            "text": {"format": {"type": "json_schema", **FORMAT}},
            "max_output_tokens": MOST_TOKENS,
            "store": False,
        }
        return request | ({"reasoning": {"effort": "low"}} if THINKS.match(self.model) else {})

    def _for_chat(self, asked: str) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": [{"role": "system", "content": self._prompt.text}, {"role": "user", "content": asked}],
            "response_format": {"type": "json_schema", "json_schema": FORMAT},
            "max_tokens": MOST_TOKENS,  # its newer name is unknown to servers that have no /responses
        }


def as_request(brief: Brief) -> str:
    """The brief as JSON, its fields and nothing else. Raises `NotWritten` for a field that is no code but prose."""
    fields = msgspec.to_builtins(brief)
    if not all(CODE.fullmatch(value) for value in fields.values() if isinstance(value, str)):
        raise NotWritten("bad_brief")
    return msgspec.json.encode(fields).decode()
