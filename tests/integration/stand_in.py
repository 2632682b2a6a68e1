"""A stand-in model in this process, OpenAI's own SDK pointed at it, and the briefs that they talk about."""

import json
from random import Random

import pytest
from aiohttp.test_utils import TestServer
from openai import AsyncOpenAI

from healthnotify.embedded.model_server import Faults, Habits, Model
from healthnotify.embedded.stand_in.request_log import RequestLog

BRIEF = {
    "goal": "walk_more",
    "category": "nudge",
    "progress": "none",
    "tone": "warm",
    "language": "en",
    "reading_level": "plain",
    "variant": "a",
    "longest": 320,
}
DRAFT = {
    "type": "object",
    "properties": {"subject": {"type": "string"}, "text": {"type": "string"}},
    "required": ["subject", "text"],
    "additionalProperties": False,
}
SEVERAL = {
    "type": "object",
    "properties": {"drafts": {"type": "array", "items": DRAFT}},
    "required": ["drafts"],
    "additionalProperties": False,
}


@pytest.fixture
async def stand_in(tmp_path):
    """Start one with these fields of `Faults` and `Habits`; answers it, with `sdk`, `url` and `log` on it."""
    started = []

    async def start(faults=None, habits=None, seed=0):
        log = RequestLog(tmp_path / f"requests-{len(started)}.jsonl")
        model = Model(Faults(**({"seconds": 0.0} | (faults or {}))), Random(seed), log, Habits(**(habits or {})))
        server = TestServer(model.app())
        await server.start_server()
        url = str(server.make_url("/v1"))
        sdk = AsyncOpenAI(api_key="none", base_url=url, max_retries=0, timeout=10)
        started.append((sdk, server, log))
        return Running(model, sdk, url, log)

    yield start
    for sdk, server, log in started:
        await sdk.close()
        await server.close()
        log.close()


class Running:
    """One that runs."""

    def __init__(self, model, sdk, url, log):
        self.model, self.sdk, self.url, self.log = model, sdk, url, log

    async def respond(self, schema=DRAFT, instructions="Write.", most=2000, **but):
        """One call to /responses."""
        return await self.sdk.responses.create(
            model="stand-in",
            instructions=instructions,
            input=json.dumps(BRIEF | but),
            text={"format": {"type": "json_schema", "name": "draft", "schema": schema, "strict": True}},
            max_output_tokens=most,
        )

    async def chat(self, schema=DRAFT, instructions="Write.", **but):
        """One call to /chat/completions."""
        return await self.sdk.chat.completions.create(
            model="stand-in",
            messages=[
                {"role": "system", "content": instructions},
                {"role": "user", "content": json.dumps(BRIEF | but)},
            ],
            response_format={"type": "json_schema", "json_schema": {"name": "draft", "schema": schema, "strict": True}},
        )


def batch_line(name, schema=DRAFT, **but):
    """One line of a batch's file."""
    body = {
        "model": "stand-in",
        "instructions": "Write.",
        "input": json.dumps(BRIEF | but),
        "text": {"format": {"type": "json_schema", "name": "draft", "schema": schema, "strict": True}},
    }
    return json.dumps({"custom_id": name, "method": "POST", "url": "/v1/responses", "body": body})
