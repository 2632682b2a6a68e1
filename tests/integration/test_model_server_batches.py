"""The stand-in's Files and Batch API, driven by OpenAI's own SDK."""

import json

import openai
import pytest

from tests.integration.stand_in import SEVERAL, batch_line, stand_in  # noqa: F401 - a fixture


async def begin(model, lines, **more):
    """Upload lines and make a batch of them."""
    kept = await model.sdk.files.create(file=("lines.jsonl", "\n".join(lines).encode()), purpose="batch")
    wanted = {"completion_window": "24h", "endpoint": "/v1/responses"} | more
    return await model.sdk.batches.create(input_file_id=kept.id, **wanted)


async def read(model, name):
    """The lines of a file, by the id that was given."""
    content = await model.sdk.files.content(name)
    return {line["custom_id"]: line for line in map(json.loads, content.text.splitlines())}


def draft_in(answer):
    """What the model said in a line of the output file."""
    return json.loads(answer["response"]["body"]["output"][0]["content"][0]["text"])


@pytest.fixture
def clock():
    """A clock to be set: [seconds]."""
    return [1_800_000_000.0]


async def test_a_batch_is_worked_off_after_its_time(stand_in, clock):  # noqa: F811
    model = await stand_in(habits={"batch_seconds": 100})
    model.model.desk.clock = lambda: clock[0]

    made = await begin(model, [batch_line(f"n{n}", variant=str(n)) for n in range(10)], metadata={"day": "tomorrow"})
    clock[0] += 50
    half = await model.sdk.batches.retrieve(made.id)
    clock[0] += 60
    done = await model.sdk.batches.retrieve(made.id)
    answers = await read(model, done.output_file_id)

    assert (made.status, half.status, done.status) == ("validating", "in_progress", "completed")
    assert half.request_counts.completed == 5
    assert (done.request_counts.completed, done.request_counts.failed, done.request_counts.total) == (10, 0, 10)
    assert done.metadata == {"day": "tomorrow"}
    assert done.error_file_id is None
    assert answers.keys() == {f"n{n}" for n in range(10)}
    assert list(answers) != sorted(answers)
    assert len({draft_in(answer)["text"] for answer in answers.values()}) == 10
    assert answers["n1"]["response"]["body"]["usage"]["input_tokens"] > 0


async def test_a_batch_gives_several_drafts_where_the_schema_asks_for_them(stand_in):  # noqa: F811
    model = await stand_in()

    made = await begin(model, [batch_line("one", SEVERAL, variants=5)])
    answers = await read(model, (await model.sdk.batches.retrieve(made.id)).output_file_id)

    assert len(draft_in(answers["one"])["drafts"]) == 5


async def test_single_lines_fail_and_are_in_the_error_file(stand_in):  # noqa: F811
    model = await stand_in(faults={"errors": 0.5})
    lines = [json.loads(batch_line(f"n{n}")) for n in range(40)]
    for line in lines[:10]:
        line["body"]["input"] = "no brief"

    made = await begin(model, map(json.dumps, lines))
    done = await model.sdk.batches.retrieve(made.id)
    good, bad = await read(model, done.output_file_id), await read(model, done.error_file_id)

    assert done.status == "completed"
    assert len(good) + len(bad) == 40
    assert 15 < done.request_counts.failed == len(bad) < 36
    assert {answer["response"]["status_code"] for answer in bad.values()} == {400, 500}
    assert good.keys().isdisjoint(f"n{n}" for n in range(10))


async def test_a_batch_expires_with_what_it_has(stand_in, clock):  # noqa: F811
    model = await stand_in(habits={"batch_seconds": 100, "batch_expires": 30})
    model.model.desk.clock = lambda: clock[0]

    made = await begin(model, [batch_line(f"n{n}") for n in range(10)])
    clock[0] += 31
    over = await model.sdk.batches.retrieve(made.id)

    assert (over.status, over.request_counts.completed, over.request_counts.failed) == ("expired", 3, 7)
    assert len(await read(model, over.output_file_id)) == 3
    failed = await read(model, over.error_file_id)
    assert {answer["error"]["code"] for answer in failed.values()} == {"batch_expired"}


async def test_a_batch_can_be_cancelled_and_one_that_is_over_cannot(stand_in, clock):  # noqa: F811
    model = await stand_in(habits={"batch_seconds": 100})
    model.model.desk.clock = lambda: clock[0]

    made = await begin(model, [batch_line(f"n{n}") for n in range(10)])
    clock[0] += 20
    stopping = await model.sdk.batches.cancel(made.id)
    over = await model.sdk.batches.retrieve(made.id)

    assert (stopping.status, over.status) == ("cancelling", "cancelled")
    assert (over.request_counts.completed, over.request_counts.failed) == (2, 8)
    with pytest.raises(openai.ConflictError):
        await model.sdk.batches.cancel(made.id)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["{"], "invalid_json_line"),
        ([batch_line("a"), batch_line("a")], "duplicate_custom_id"),
        ([batch_line("a").replace("/v1/responses", "/v1/embeddings")], "mismatched_url"),
        ([], "empty_file"),
    ],
)
async def test_a_file_with_a_wrong_line_fails_as_a_whole(stand_in, lines, code):  # noqa: F811
    model = await stand_in()

    made = await begin(model, lines)

    assert made.status == "failed"
    assert made.errors.data[0].code == code
    assert (await model.sdk.batches.retrieve(made.id)).output_file_id is None


async def test_files_and_batches_that_nobody_knows_are_not_found(stand_in):  # noqa: F811
    model = await stand_in()

    for call in (
        model.sdk.files.content,
        model.sdk.files.retrieve,
        model.sdk.batches.retrieve,
        model.sdk.batches.cancel,
    ):
        with pytest.raises(openai.NotFoundError):
            await call("nothing")
    with pytest.raises(openai.BadRequestError):
        await model.sdk.batches.create(input_file_id="nothing", endpoint="/v1/responses", completion_window="24h")
    with pytest.raises(openai.BadRequestError):
        await model.sdk.files.create(file=("a.txt", b"a"), purpose="user_data")


async def test_a_file_keeps_its_bytes_and_can_be_deleted(stand_in):  # noqa: F811
    model = await stand_in()
    content = "Zähne\r\n\n\u2028 ¿qué?\x00".encode() + b"\xff"

    kept = await model.sdk.files.create(file=("odd.bin", content), purpose="batch")

    assert (kept.bytes, kept.filename) == (len(content), "odd.bin")
    assert (await model.sdk.files.content(kept.id)).content == content
    assert (await model.sdk.files.delete(kept.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await model.sdk.files.retrieve(kept.id)


async def test_the_calls_for_files_fail_only_when_told_so(stand_in):  # noqa: F811
    model = await stand_in(faults={"shares": ("error_503=1",), "on": ("files",)})

    with pytest.raises(openai.InternalServerError):
        await begin(model, [batch_line("a")])
    assert (await model.respond()).status == "completed"


async def test_the_list_of_batches_begins_with_the_newest(stand_in):  # noqa: F811
    model = await stand_in()

    made = [(await begin(model, [batch_line("a")])).id for _ in range(2)]

    assert [batch.id async for batch in model.sdk.batches.list()] == made[::-1]


async def test_a_batch_of_many_lines_is_worked_off_at_once(stand_in):  # noqa: F811
    model = await stand_in()

    made = await begin(model, [batch_line(f"n{n}", variant=str(n)) for n in range(1000)])

    assert (await model.sdk.batches.retrieve(made.id)).request_counts.completed == 1000
