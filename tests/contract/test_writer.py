"""The writer, twice: scripted, and OpenAI's protocol over real HTTP, where every way to fail has its reason."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from healthnotify.adapters.llm import OpenAIWriter
from healthnotify.adapters.memory.writer import ScriptedWriter
from healthnotify.domain.errors import Misconfigured
from healthnotify.domain.model import Brief, Category, Draft, Goal
from healthnotify.pipeline.ports import NotWritten

TIME = timedelta(seconds=20)
DRAFT = Draft("A walk", "{greeting}\nTen minutes outside?")
GOOD = json.dumps({"subject": DRAFT.subject, "text": DRAFT.text})
KNOWN_FIELDS = {"goal", "category", "progress", "tone", "language", "reading_level", "variant", "longest"}
CANARY = "Canary Birdsong"


def a_brief(**but):
    known = {
        "goal": Goal.WALK_MORE,
        "category": Category.NUDGE,
        "progress": "started",
        "tone": "warm",
        "language": "de",
        "reading_level": "plain",
        "variant": "a",
        "longest": 300,
    }
    return Brief(**(known | but))


def responses(text=GOOD, **but):
    part = {"type": "output_text", "text": text, "annotations": []}
    thought = {"id": "r", "type": "reasoning", "summary": []}
    return {"status": "completed", "output": [thought, {"type": "message", "content": [part]}]} | but


def chat(content=GOOD, reason="stop", **but):
    return {"choices": [{"index": 0, "message": {"content": content} | but, "finish_reason": reason}]}


def error(code, kind="invalid_request_error"):
    return {"error": {"message": "no", "type": kind, "code": code}}


def reply(answer=None, status=200, **headers):
    """A response whose body is JSON, or the bytes that are given."""
    raw = answer if isinstance(answer, bytes) else json.dumps(responses() if answer is None else answer).encode()
    typed = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(status=status, body=raw, headers=typed)


class Wire:
    """A server that answers what it is told to, in turn, the last one over and over, and keeps every request."""

    def __init__(self, *answers):
        self.answers = list(answers) or [reply()]
        self.seen = []

    async def answer(self, request):
        self.seen.append((request.path, dict(request.headers), await request.read()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        made = answer()
        return await made if asyncio.iscoroutine(made) else made


@asynccontextmanager
async def writing(wire, **but):
    """A writer that talks to it."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", wire.answer)
    async with TestServer(app) as server:
        writer = a_writer(str(server.make_url("/v1")), **but)
        try:
            yield writer
        finally:
            await writer.close()


def a_writer(base_url, **but):
    return OpenAIWriter(**({"key": "secret", "base_url": base_url, "model": "m", "requests_per_minute": 60_000} | but))


async def reason_of(writer, brief=None, deadline=TIME):
    with pytest.raises(NotWritten) as problem:
        await writer.write(brief or a_brief(), deadline)
    return problem.value.reason


# --- the contract


@pytest.fixture(params=["scripted", "openai"])
async def writer(request):
    """A writer that answers `DRAFT`, then refuses, then answers `DRAFT` again."""
    if request.param == "scripted":
        yield ScriptedWriter([DRAFT, NotWritten("refusal"), DRAFT])
        return
    no = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    async with writing(Wire(reply(), reply(responses(output=[no])), reply())) as openai:
        yield openai


async def test_a_writer_answers_a_draft_or_a_reason(writer):
    assert await writer.write(a_brief(), TIME) == DRAFT
    assert await reason_of(writer) == "refusal"
    assert await writer.write(a_brief(), TIME) == DRAFT


@pytest.mark.parametrize("seconds", [0, -1])
async def test_a_writer_without_time_does_not_begin(writer, seconds):
    assert await reason_of(writer, deadline=timedelta(seconds=seconds)) == "timeout"


async def test_a_writer_says_who_writes(writer):
    assert writer.model
    assert writer.prompt_id


async def test_a_writer_that_wrote_nothing_can_be_closed(writer):
    await writer.close()


# --- the scripted twin


async def test_the_twin_can_answer_by_brief_and_remembers_what_it_was_given():
    twin = ScriptedWriter(lambda brief: Draft(brief.language, brief.goal))

    assert await twin.write(a_brief(language="fr"), TIME) == Draft("fr", "walk_more")
    assert twin.briefs == [a_brief(language="fr")]


# --- what is sent


async def test_a_request_holds_the_allow_list_and_nothing_else():
    wire = Wire()
    async with writing(wire) as writer:
        await writer.write(a_brief(), TIME)

    [(path, headers, raw)] = wire.seen
    body = json.loads(raw)
    assert path == "/v1/responses"
    assert headers["Authorization"] == "Bearer secret"
    assert body.keys() == {"model", "instructions", "input", "text", "max_output_tokens", "store"}
    assert body["store"] is False
    assert body["text"]["format"]["strict"] is True
    assert json.loads(body["input"]).keys() == KNOWN_FIELDS
    assert json.loads(body["input"]) | {"goal": "walk_more", "longest": 300} == json.loads(body["input"])


@pytest.mark.parametrize("field", ["progress", "tone", "language", "reading_level", "variant"])
async def test_prose_in_a_field_reaches_nobody(field):
    wire = Wire()
    async with writing(wire) as writer:
        assert await reason_of(writer, a_brief(**{field: CANARY})) == "bad_brief"
        await writer.write(a_brief(), TIME)

    assert len(wire.seen) == 1
    assert CANARY not in str(wire.seen)


async def test_the_chat_request_holds_the_allow_list_and_nothing_else():
    wire = Wire(reply(error(None), 404), reply(chat()))
    async with writing(wire) as writer:
        assert await writer.write(a_brief(), TIME) == DRAFT

    body = json.loads(wire.seen[1][2])
    assert body.keys() == {"model", "messages", "response_format", "max_tokens"}
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert json.loads(body["messages"][1]["content"]).keys() == KNOWN_FIELDS


@pytest.mark.parametrize(
    ("model", "thinks"), [("gpt-5-mini", True), ("o4-mini", True), ("gpt-5-chat-latest", False), ("llama3", False)]
)
async def test_models_that_reason_are_asked_to_be_brief(model, thinks):
    wire = Wire()
    async with writing(wire, model=model) as writer:
        await writer.write(a_brief(), TIME)

    assert json.loads(wire.seen[0][2]).get("reasoning") == ({"effort": "low"} if thinks else None)


async def test_a_server_without_responses_is_asked_for_chat_from_then_on():
    wire = Wire(reply(b"404 page not found", 404), reply(chat()))
    async with writing(wire) as writer:
        for _ in range(3):
            assert await writer.write(a_brief(), TIME) == DRAFT

    assert [path for path, _, _ in wire.seen] == ["/v1/responses", *["/v1/chat/completions"] * 3]


# --- what is answered

FENCED = f"Sure, {{name}}! Here it is:\n```json\n{GOOD}\n```\nEnjoy."


@pytest.mark.parametrize("text", [GOOD, f"  {GOOD}\n", FENCED, f'"Done" {GOOD}'])
@pytest.mark.parametrize("shape", [responses, chat])
async def test_the_one_object_in_an_answer_is_the_draft(shape, text):
    wire = Wire(reply(error(None), 404), reply(shape(text))) if shape is chat else Wire(reply(shape(text)))
    async with writing(wire) as writer:
        assert await writer.write(a_brief(), TIME) == DRAFT


async def test_whitespace_around_is_all_that_is_taken_off():
    text = json.dumps({"subject": " A walk ", "text": "\n{greeting}\n\u00a0  Out? \x00 "})
    async with writing(Wire(reply(responses(text)))) as writer:
        assert await writer.write(a_brief(), TIME) == Draft("A walk", "{greeting}\n\u00a0  Out? \x00")


async def test_an_answer_in_parts_is_put_together():
    parts = [{"type": "output_text", "text": GOOD[:20]}, {"type": "output_text", "text": GOOD[20:]}]
    async with writing(Wire(reply(responses(output=[{"type": "message", "content": parts}])))) as writer:
        assert await writer.write(a_brief(), TIME) == DRAFT


def cut(reason):
    return responses(GOOD[:30], status="incomplete", incomplete_details={"reason": reason})


BAD_TEXTS = [
    "",
    "No idea.",
    GOOD[:-1],
    GOOD + GOOD,
    f"[{GOOD}, {GOOD}]",
    '{"subject": "A walk"}',
    '{"subject": "A walk", "text": 7}',
    '{"subject": "A walk", "text": "Out?", "mood": "good"}',
    '{"draft": ' + GOOD + "}",
    '{"subject": "A walk", "text": null}',
    "<html><body>Hello</body></html>",
    '{"a":' * 1500,
]
BAD_BODIES = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"<html>",
    b"\xff\xfe\x00",
    b'{"output": [{"type": "message", "content": "text"}]}',
    json.dumps(error("x")).encode(),
    json.dumps(responses(output=[{"type": "function_call", "name": "send", "arguments": "{}"}])).encode(),
    json.dumps(responses(output=[])).encode(),
    json.dumps(cut("steered")).encode(),
    b"[" * 50_000,
]
FAILURES = [
    ("rate_limited", reply(error("rate_limit_exceeded"), 429)),
    ("rate_limited", reply(b"slow down", 429)),
    ("quota_exhausted", reply(error("insufficient_quota"), 429)),
    ("quota_exhausted", reply(error(None, "insufficient_quota"), 429)),
    ("unauthorised", reply(error("invalid_api_key"), 401)),
    ("unauthorised", reply(error("unsupported_country_region_territory"), 403)),
    ("bad_request", reply(error("invalid_value"), 400)),
    ("bad_request", reply(error("model_not_found"), 404)),
    ("bad_request", reply(b"not found", 404)),
    ("bad_request", reply(error(None), 422)),
    ("bad_request", reply(b"", 302, Location="/v1/elsewhere")),
    ("content_filter", reply(error("content_filter"), 400)),
    ("server_error", reply(error("server_error"), 500)),
    ("server_error", reply(b"<html>Bad gateway</html>", 502)),
    ("server_error", reply(b"\xff", 503)),
    ("server_error", reply(responses(status="failed", error={"code": "server_error"}))),
    ("truncated", reply(cut("max_output_tokens"))),
    ("content_filter", reply(cut("content_filter"))),
    ("refusal", reply(responses("I'm sorry, but I can't help with that."))),
    ("refusal", reply(responses("Es tut mir leid, aber ich kann dabei nicht helfen."))),
    ("too_long", reply(responses(json.dumps({"subject": "A", "text": "word " * 2000})))),
    ("too_long", reply(b" " * 100_000)),
    ("too_long", reply(b" " * 100_000, 500)),
    ("bad_answer", reply(b"no gzip", Content_Encoding="gzip")),
    *[("bad_answer", reply(responses(text))) for text in BAD_TEXTS],
    *[("bad_answer", reply(body)) for body in BAD_BODIES],
]


@pytest.mark.parametrize(("reason", "answer"), FAILURES)
async def test_every_failure_has_its_reason(reason, answer):
    async with writing(Wire(answer)) as writer:
        assert await reason_of(writer) == reason


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("truncated", chat(GOOD[:30], "length")),
        ("content_filter", chat(None, "content_filter")),
        ("refusal", chat(None, refusal="No.")),
        ("refusal", chat("I'm sorry, but I can't help with that.")),
        ("bad_answer", chat(None, "tool_calls", tool_calls=[{"type": "function"}])),
        ("bad_answer", chat(GOOD[:30])),
        ("bad_answer", {"choices": []}),
        ("bad_answer", {"choices": chat()["choices"] * 3}),
        ("bad_answer", responses()),
        ("too_long", chat("word " * 2000)),
    ],
)
async def test_every_failure_of_chat_has_its_reason(reason, answer):
    async with writing(Wire(reply(error(None), 404), reply(answer))) as writer:
        assert await reason_of(writer) == reason


async def test_an_unknown_model_is_not_taken_for_a_missing_address():
    wire = Wire(reply(error("model_not_found"), 404))
    async with writing(wire) as writer:
        assert await reason_of(writer) == "bad_request"

    assert len(wire.seen) == 1


async def test_a_lone_surrogate_is_left_to_the_guardrails_or_refused_but_never_a_crash():
    async with writing(Wire(reply(responses('{"subject": "A", "text": "\\ud83d"}')))) as writer:
        assert await reason_of(writer) == "bad_answer"


# --- connections


@pytest.mark.parametrize("key", ["schlüssel", "sk-1\n", "sk 1", "sk\x00"])
def test_a_key_that_cannot_be_one_stops_the_start(key):
    with pytest.raises(Misconfigured, match="OPENAI_KEY"):
        a_writer("http://localhost/v1", key=key)


@pytest.mark.parametrize(
    "address", ["http://", "http://[::1", "http://localhost:none/v1", "localhost:8000", "ftp://x/v1"]
)
def test_an_address_that_is_none_stops_the_start(address):
    with pytest.raises(Misconfigured, match="OPENAI_BASE_URL"):
        a_writer(address)


async def test_nobody_there_is_unreachable(unused_tcp_port):
    writer = a_writer(f"http://127.0.0.1:{unused_tcp_port}/v1")
    try:
        assert await reason_of(writer) == "unreachable"
    finally:
        await writer.close()


async def test_a_server_that_does_not_speak_tls_is_unreachable():
    async with writing(Wire()) as writer:
        secure = a_writer(str(writer._client.base_url).replace("http:", "https:"))
        assert await reason_of(secure) == "unreachable"
        await secure.close()


@asynccontextmanager
async def speaking(words, *, then_hang=False):
    """A server below HTTP: it says these bytes to everybody, then hangs or hangs up."""
    ended = asyncio.Event()

    async def speak(reader, speaker):
        await reader.read(100)
        speaker.write(words)
        if then_hang:
            await ended.wait()
        speaker.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    writer = a_writer(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    try:
        yield writer
    finally:
        ended.set()
        await writer.close()
        server.close()


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", b"SSH-2.0-hello\r\n"])
async def test_a_server_that_hangs_up_is_unreachable(words):
    async with speaking(words) as writer:
        assert await reason_of(writer) == "unreachable"


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"])
async def test_the_deadline_is_kept_when_the_server_hangs(words):
    async with speaking(words, then_hang=True) as writer:
        began = monotonic()
        assert await reason_of(writer, deadline=timedelta(seconds=0.3)) == "timeout"
        assert 0.2 < monotonic() - began < 2


async def test_a_cancelled_call_ends_at_once_and_the_next_one_works():
    arrived = asyncio.Event()

    async def hang():
        arrived.set()
        await asyncio.Event().wait()

    async with writing(Wire(hang, reply())) as writer:
        task = asyncio.create_task(writer.write(a_brief(), TIME))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await writer.write(a_brief(), TIME) == DRAFT


async def test_sixty_four_calls_are_in_flight_together():
    everybody = asyncio.Barrier(64)

    async def meet():
        await everybody.wait()
        return reply()()

    async with writing(Wire(meet)) as writer:
        drafts = await asyncio.gather(*(writer.write(a_brief(), TIME) for _ in range(64)))

    assert drafts == [DRAFT] * 64


# --- keeping away


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        ("rate_limited", reply(error("rate_limit_exceeded"), 429, Retry_After="100")),
        ("rate_limited", reply(error("rate_limit_exceeded"), 429, Retry_After="99999999999")),
        ("rate_limited", reply(error("rate_limit_exceeded"), 429, x_ratelimit_reset_requests="1m30s")),
        ("quota_exhausted", reply(error("insufficient_quota"), 429)),
        ("unauthorised", reply(error("invalid_api_key"), 401)),
    ],
)
async def test_a_server_that_says_no_for_a_while_is_left_alone(reason, answer):
    wire = Wire(answer, reply())
    async with writing(wire) as writer:
        assert [await reason_of(writer) for _ in range(3)] == [reason] * 3

    assert len(wire.seen) == 1


async def test_a_call_that_can_wait_as_long_as_the_server_asks_does():
    wire = Wire(reply(error("rate_limit_exceeded"), 429, retry_after_ms="300"), reply())
    async with writing(wire) as writer:
        assert await reason_of(writer) == "rate_limited"
        began = monotonic()
        assert await writer.write(a_brief(), TIME) == DRAFT
        assert monotonic() - began > 0.25


async def test_a_call_whose_turn_comes_too_late_gives_up_at_once():
    async with writing(Wire(), requests_per_minute=1) as writer:
        assert await writer.write(a_brief(), TIME) == DRAFT
        began = monotonic()
        assert await reason_of(writer) == "rate_limited"
        assert monotonic() - began < 2
