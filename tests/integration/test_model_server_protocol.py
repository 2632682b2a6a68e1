"""The stand-in model, spoken to by OpenAI's own SDK: shapes, usage, limits, and the plain personality."""

import json

import openai
import pytest

from healthnotify.adapters.llm_sdk import hint as asked_to_wait
from healthnotify.embedded.stand_in.limits import HINTS, Limits, duration
from tests.integration.stand_in import BRIEF, DRAFT, SEVERAL, stand_in  # noqa: F401 - a fixture

VERDICT = {
    "type": "object",
    "properties": {"allowed": {"type": "boolean"}, "reasons": {"type": "array", "items": {"type": "string"}}},
}


async def test_both_ways_answer_in_the_shape_of_the_schema(stand_in):  # noqa: F811
    model = await stand_in()

    responded = json.loads((await model.respond(SEVERAL, variants=4)).output_text)
    chatted = json.loads((await model.chat(SEVERAL, variants=4)).choices[0].message.content)
    single = json.loads((await model.respond(DRAFT, variants=4)).output_text)

    assert responded == chatted
    assert [set(draft) for draft in responded["drafts"]] == [{"subject", "text"}] * 4
    assert len({draft["text"] for draft in responded["drafts"]}) == 4
    assert set(single) == {"subject", "text"}


async def test_variants_go_on_where_the_one_before_ended(stand_in):  # noqa: F811
    model = await stand_in()

    texts = [
        draft["text"]
        for variant in ("1", "2", "3")
        for draft in json.loads((await model.respond(SEVERAL, variants=3, variant=variant)).output_text)["drafts"]
    ]

    assert len(set(texts)) == 9


async def test_a_judge_that_asks_something_else_gets_its_own_shape(stand_in):  # noqa: F811
    model = await stand_in()

    answered = await model.sdk.responses.create(
        model="stand-in",
        input=[{"role": "user", "content": [{"type": "input_text", "text": '{"subject": "A walk", "text": "Go."}'}]}],
        text={"format": {"type": "json_schema", "name": "verdict", "schema": VERDICT}},
    )

    assert json.loads(answered.output_text) == {"allowed": True, "reasons": []}


async def test_usage_is_counted_and_a_prompt_that_came_lately_is_cached(stand_in):  # noqa: F811
    model = await stand_in(habits={"cached_from": 100})
    long = "Write one kind sentence about the goal. " * 40

    first, second = [(await model.respond(instructions=long)).usage for _ in range(2)]
    chatted = (await model.chat(instructions=long)).usage

    assert 320 < first.input_tokens < 600
    assert 20 < first.output_tokens < 120
    assert first.total_tokens == first.input_tokens + first.output_tokens
    assert [usage.input_tokens_details.cached_tokens for usage in (first, second)] == [0, 256]
    assert chatted.prompt_tokens_details.cached_tokens == 256
    assert chatted.total_tokens == chatted.prompt_tokens + chatted.completion_tokens


async def test_an_answer_that_may_not_be_so_long_is_cut(stand_in):  # noqa: F811
    model = await stand_in()

    answered = await model.respond(most=16)

    assert (answered.status, answered.incomplete_details.reason) == ("incomplete", "max_output_tokens")


# --- limits


async def test_every_answer_says_what_is_left_and_the_request_too_many_is_refused(stand_in):  # noqa: F811
    model = await stand_in(habits={"requests_per_minute": 2, "tokens_per_minute": 9000})

    headers = [
        (await model.sdk.responses.with_raw_response.create(model="x", input=json.dumps(BRIEF))).headers
        for _ in range(2)
    ]
    with pytest.raises(openai.RateLimitError) as refused:
        await model.respond()

    assert [one["x-ratelimit-remaining-requests"] for one in headers] == ["1", "0"]
    assert headers[0]["x-ratelimit-limit-tokens"] == "9000"
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.type == "requests"
    assert 25 < asked_to_wait(refused.value) <= 30
    assert "x-ratelimit-reset-requests" in refused.value.response.headers


async def test_tokens_run_out_too_and_what_is_too_large_has_no_time_to_wait_for(stand_in):  # noqa: F811
    model = await stand_in(habits={"tokens_per_minute": 3000, "hint": "ms"})

    await model.respond(most=2000)
    with pytest.raises(openai.RateLimitError) as soon:
        await model.respond(most=2000)
    with pytest.raises(openai.RateLimitError) as never:
        await model.respond(most=4000)

    assert soon.value.type == "tokens"
    assert 15_000 < int(soon.value.response.headers["retry-after-ms"]) <= 20_000
    assert "retry-after-ms" not in never.value.response.headers


@pytest.mark.parametrize("kind", HINTS)
async def test_each_way_to_say_when_to_come_back_is_understood(stand_in, kind):  # noqa: F811
    limited = await stand_in(habits={"requests_per_minute": 1, "hint": kind})
    told = await stand_in(faults={"shares": (f"limited_{kind}=1",)})

    await limited.respond()
    with pytest.raises(openai.RateLimitError) as of_limit:
        await limited.respond()
    with pytest.raises(openai.RateLimitError) as of_fault:
        await told.respond()

    waits = asked_to_wait(of_limit.value), asked_to_wait(of_fault.value)
    if kind == "silent":
        assert waits == (None, None)
    else:
        assert 57 < waits[0] <= 61
        assert 1 < waits[1] <= 3


def test_buckets_fill_evenly():
    now = [0.0]
    limits = Limits(60, 0, window=10, clock=lambda: now[0])

    assert [limits.take(1) for _ in range(10)] == [None] * 10
    assert limits.take(1).seconds == 1.0
    now[0] = 1.0
    assert limits.take(1) is None
    assert limits.headers()["x-ratelimit-reset-requests"] == "10s"


@pytest.mark.parametrize(("seconds", "text"), [(0.012, "12ms"), (1.5, "1.5s"), (360, "6m0s"), (59.9999, "1m0s")])
def test_durations_are_written_as_openai_does(seconds, text):
    assert duration(seconds) == text


# --- plain


async def test_a_plain_one_only_chats_and_talks_around_its_json(stand_in):  # noqa: F811
    model = await stand_in(habits={"plain": True, "requests_per_minute": 1})

    with pytest.raises(openai.NotFoundError):
        await model.respond()
    answers = [(await model.chat(VERDICT, variant=variant)).choices[0].message.content for variant in "abcdefgh"]

    assert all('"text"' in answer and not answer.startswith("{") for answer in answers)
    assert any("```json" in answer for answer in answers)
    assert any("<think>" in answer for answer in answers)
