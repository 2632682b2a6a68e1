"""From a POST to the letter: the API and the workers' own `run` on PostgreSQL; road, cache and channel are twins."""

import asyncio
from datetime import timedelta

import pytest
import structlog
from django.db import connection

from healthnotify.apps.access import keys
from healthnotify.apps.access.models import KeptAnswer
from healthnotify.apps.access.scopes import FOR_KEYS
from healthnotify.domain.delivery import Accepted
from healthnotify.pipeline.plan import plan
from healthnotify.pipeline.ports import Topic
from healthnotify.workers import builder, consumer, flow, producer, retry_consumer, sweeper, taking
from tests.api_client import calling
from tests.builders import BAD_ADDRESS, PLANNING, a_person, a_preference
from tests.twin_app import LONGEST, LOOK, ClosableWriter, TwinApp, running

ALL = (builder, producer, consumer, retry_consumer, sweeper)
URL = "/api/v1/notifications"
WORDS = {"subject": "Your appointment", "text": "{greeting}\nWe look forward to seeing you."}

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(autouse=True)
def _quick_and_quiet(monkeypatch):
    for place, name in ((flow, "AGAIN"), (flow, "BREATH"), (taking, "WAIT"), (retry_consumer, "WAIT")):
        monkeypatch.setattr(place, name, timedelta(seconds=LOOK))
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def app(committed, installation):
    """The workers' world, with the installation's clock and the real store."""
    made = TwinApp()
    made.store, made.instant = committed, installation.at
    made.staging.clear()
    made.staging.warm()
    return made


@pytest.fixture
def call(committed, installation):
    """Calls the API from a thread of its own, as a request would."""
    key, text = keys.make("test", list(FOR_KEYS), by="command", at=installation.at)

    def _call(way, path, *body, **headers):
        try:
            answer = getattr(calling(text), way)(path, *body, **headers)
            assert answer.status_code < 300, answer.content
            return answer.json()
        finally:
            connection.close()

    yield lambda *args, **headers: asyncio.to_thread(_call, *args, **headers)
    KeptAnswer.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE audit DISABLE TRIGGER USER; DELETE FROM audit; ALTER TABLE audit ENABLE TRIGGER USER"
        )
    key.delete()


async def until_it_is(call, key, *states):
    """Follow it, as a caller would."""
    async with asyncio.timeout(LONGEST):
        while (told := await call("get", f"{URL}/{key}"))["state"] not in states:
            await asyncio.to_thread(lambda: None)
    return told


@pytest.fixture
def wish(committed, installation):
    """Something to send to somebody, at once."""
    (user_id,) = committed.add([a_person()], installation.at)
    return {"user_id": str(user_id), "category": "service", "channel": "email", **WORDS}


@pytest.fixture
def twenty(committed, installation):
    """As many as have something planned in five minutes."""
    committed.add([a_person(preferences=(a_preference(),)) for _ in range(20)], installation.at)
    plan(now=installation.at, limit=100, store=committed, planning=PLANNING)


async def test_what_is_asked_for_five_times_at_once_arrives_once(app, call, wish):
    async with running(app, *ALL):
        one = (await call("post", URL, wish, once="one"))["id"]
        again = {(await call("post", URL, wish, once="one"))["id"] for _ in range(4)}
        told = await until_it_is(call, one, "COMPLETED")

    assert again == {one}
    assert [move["event"] for move in told["moves"]][:2] == ["planned", "written"]
    assert told["provenance"]["source"] == "given"
    (letter,) = app.channel.letters
    assert (str(letter.id), letter.text) == (one, "Hi Anna,\nWe look forward to seeing you.")


class StuckWriter(ClosableWriter):
    """A model that does not answer until it is let go."""

    def __init__(self, let_go):
        super().__init__()
        self._let_go = let_go

    async def write(self, brief, deadline):
        await self._let_go.wait()
        return await super().write(brief, deadline)


async def test_given_words_pass_a_model_that_keeps_everything_else_waiting(app, call, wish, twenty):
    let_go = asyncio.Event()
    app.writer = lambda: StuckWriter(let_go)

    async with running(app, *ALL):
        key = (await call("post", URL, wish))["id"]
        await until_it_is(call, key, "COMPLETED")
        waiting = await call("get", f"{URL}?state=PLANNED")
        let_go.set()

    assert len(waiting["items"]) == 21  # theirs, and one of whom the words were for


async def test_what_is_taken_back_while_it_waits_is_announced_at_most_once_and_never_sent(app, call, wish):
    wish["send_at"] = (app.instant + timedelta(hours=1)).isoformat()

    async with running(app, *ALL):
        kept, taken_back = [(await call("post", URL, wish))["id"] for _ in range(2)]
        for key in (kept, taken_back):
            await until_it_is(call, key, "STAGED")
        await call("post", f"{URL}/{taken_back}/cancel")
        app.instant += timedelta(hours=1)
        await until_it_is(call, kept, "COMPLETED")
        told = await call("get", f"{URL}/{taken_back}")

    assert (told["state"], told["reason"]) == ("CANCELLED", "withdrawn")
    assert [str(letter.id) for letter in app.channel.letters] == [kept]
    assert len(app.log.records(Topic.DAILY)) <= 2


async def test_what_is_brought_back_twice_at_once_is_sent_once_more(app, call, wish):
    answers = iter([BAD_ADDRESS, Accepted("at last")])
    app.channel._answer = lambda _: next(answers)

    async with running(app, *ALL):
        key = (await call("post", URL, wish))["id"]
        await until_it_is(call, key, "FAILED")
        body = {"ids": [key], "dry_run": False}
        redrives = await asyncio.gather(*(call("post", "/api/v1/dead-letters/redrive", body) for _ in range(4)))
        told = await until_it_is(call, key, "COMPLETED", "FAILED")

    assert sorted(one["done"] for one in redrives) == [0, 0, 0, 1]
    assert (told["state"], told["tries"]) == ("COMPLETED", 1)
    assert len(app.channel.letters) == 2
    assert [move["event"] for move in told["moves"]].count("redriven") == 1
