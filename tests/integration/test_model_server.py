"""The stand-in model: it speaks the protocol, varies, fails as it is told to, and ends when it should."""

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestServer

from healthnotify.adapters.llm import OpenAIWriter
from healthnotify.domain.guardrails import judge
from healthnotify.domain.model import Brief, Category, Draft, Goal
from healthnotify.embedded.model_server import Faults, Model, start
from healthnotify.embedded.stand_in.spoils import BAD
from healthnotify.embedded.stand_in.words import LANGUAGES, tongue
from healthnotify.pipeline.ports import NotWritten

TIME = timedelta(seconds=20)
QUICK = {"seconds": 0.0}


def a_brief(**but):
    known = {
        "goal": Goal.WALK_MORE,
        "category": Category.NUDGE,
        "progress": "halfway",
        "tone": "warm",
        "language": "en",
        "reading_level": "plain",
        "variant": "a",
        "longest": 320,
    }
    return Brief(**(known | but))


@pytest.fixture
async def asked():
    """Ask a model of these faults so many times; answers drafts and reasons."""
    writers, servers = [], []

    async def ask(times=1, brief=None, model=None, **faults):
        server = TestServer((model or Model(Faults(**(QUICK | faults)))).app())
        await server.start_server()
        servers.append(server)
        writer = OpenAIWriter(
            key="", base_url=str(server.make_url("/v1")), model="stand-in", requests_per_minute=1_000_000
        )
        writers.append(writer)
        return [await answer(writer, brief or a_brief()) for _ in range(times)]

    yield ask
    for writer in writers:
        await writer.close()
    for server in servers:
        await server.close()


async def answer(writer, brief, deadline=TIME):
    try:
        return await writer.write(brief, deadline)
    except NotWritten as problem:
        return problem.reason


async def test_neighbouring_variants_read_differently(asked):
    said = [(await asked(brief=a_brief(variant=str(number))))[0] for number in range(40)]

    assert len({draft.text for draft in said}) == 40
    assert {draft.subject for draft in said} == set(tongue("en")["goals"]["walk_more"]["subjects"])


async def test_the_same_brief_gets_the_same_words(asked):
    assert await asked(2) == await asked(2)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_writes_in_the_language_of_the_brief(asked, language):
    [draft] = await asked(brief=a_brief(language=language))

    assert draft.subject in tongue(language)["goals"]["walk_more"]["subjects"]


async def test_every_kind_of_bad_answer_ends_as_it_should(asked):
    results = {kind: (await asked(bad=1.0, kinds=(kind,)))[0] for kind in BAD}

    drafts = {kind: result for kind, result in results.items() if isinstance(result, Draft)}
    assert {kind: result for kind, result in results.items() if kind not in drafts} == {
        "broken_json": "bad_answer",
        "truncated": "truncated",
        "empty": "bad_answer",
        "refusal": "refusal",
    }
    assert {kind: judge(draft, longest=600, filled=False, language="en").reasons for kind, draft in drafts.items()} == {
        "unknown_placeholder": ("unknown_placeholder", "unresolved_placeholder"),
        "link": ("external_link",),
        "prose": (),
    }


async def test_bad_answers_take_turns(asked):
    results = await asked(14, bad=1.0)

    assert Counter(result for result in results if isinstance(result, str)) == {
        "bad_answer": 4,
        "truncated": 2,
        "refusal": 2,
    }


async def test_errors_and_limits_come_as_often_as_they_were_ordered(asked):
    errors = await asked(100, errors=0.5)

    assert 30 < errors.count("server_error") < 70
    assert await asked(limited=1.0, retry_after="60", times=3) == ["rate_limited"] * 3


async def test_a_slow_answer_is_left_behind():
    server = TestServer(Model(Faults(slow=1.0, slow_seconds=60)).app())
    await server.start_server()
    writer = OpenAIWriter(key="", base_url=str(server.make_url("/v1")), model="x", requests_per_minute=1000)

    assert await answer(writer, a_brief(), timedelta(seconds=0.3)) == "timeout"

    await writer.close()
    await server.close()


# --- as a process


@pytest.fixture
def running(tmp_path):
    """Start one with these faults."""
    servers = []

    def run(**faults):
        servers.append(start(tmp_path, faults=Faults(**(QUICK | faults)), seed=7))
        return servers[-1].wait()

    yield run
    for server in servers:
        server.stop()


def post(url, body, **headers):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, dict(response.headers), json.load(response)
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, dict(problem.headers), json.load(problem)


BRIEF = json.dumps({"goal": "stretch", "language": "fr", "progress": "none", "tone": "plain", "longest": 300})


def test_both_addresses_and_the_list_of_models_answer(running):
    server = running()
    chat = {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": BRIEF}]}

    _, _, answered = post(f"{server.base_url}/responses", {"model": "m", "input": BRIEF})
    _, _, chatted = post(f"{server.base_url}/chat/completions", chat)
    with urllib.request.urlopen(f"{server.base_url}/models", timeout=10) as models:
        assert json.load(models)["data"][0]["id"] == "stand-in"

    texts = [answered["output"][0]["content"][0]["text"], chatted["choices"][0]["message"]["content"]]
    assert all(json.loads(text)["text"].startswith("{greeting}\n") for text in texts)


def test_a_request_that_is_not_ours_is_a_bad_request(running):
    server = running()

    for body in ({}, [], {"input": "hello"}, {"input": "{}"}, {"input": '{"goal": "fly", "language": "en"}'}):
        status, _, said = post(f"{server.base_url}/responses", body)
        assert (status, said["error"]["code"]) == (400, "invalid_request_error")


def test_a_limit_says_when_to_come_back(running):
    server = running(limited=1.0, retry_after="Sun, 22 Nov 2026 10:00:00 GMT")

    status, headers, said = post(f"{server.base_url}/responses", {"input": BRIEF})

    assert (status, said["error"]["code"]) == (429, "rate_limit_exceeded")
    assert headers["Retry-After"] == "Sun, 22 Nov 2026 10:00:00 GMT"


def test_every_request_is_logged_to_the_byte_but_not_the_key(running):
    server = running(bad=1.0, kinds=("refusal",))

    post(f"{server.base_url}/responses", {"input": BRIEF, "note": "Canary Birdsong"}, Authorization="Bearer secret")

    [line] = server.requests()
    assert (line["path"], line["answer"]) == ("/v1/responses", "refusal")
    assert json.loads(line["body"]) == {"input": BRIEF, "note": "Canary Birdsong"}
    assert "secret" not in server.log_path.read_text()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_nothing_and_ends_on_a_signal(running, sign):
    server = running()
    post(f"{server.base_url}/responses", {"input": BRIEF})

    server.process._child.send_signal(sign)

    assert server.process._child.wait(10) == 0
    assert server.process.log.read_text() == ""


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--bad", "often"], r"--bad: often is not a share"),
        (["--kinds", "rude"], r"--kinds: unknown kind 'rude'; there are broken_json"),
        (["--bad", "1.5"], r"--bad: 1.5 is not a share"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(options, complaint):
    command = [sys.executable, "-m", "healthnotify.embedded.model_server", "--port", "1", *options]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 2
    assert re.search(complaint, ended.stderr)
