"""`inspect_notification_cache`: what an operator sees of the cache, and what a wrong option changes (nothing)."""

import json
from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pydantic import SecretStr

from healthnotify.domain.lifecycle import State
from healthnotify.pipeline.ports import DueIndex
from tests.contract.test_staging import HIDE, NOW, PUBLISHED, an_entry, an_id, redis_staging

__all__ = ["redis_staging"]
pytest_plugins = ("tests.valkey_fixture",)

BERLIN = an_entry(1, sealed="v1:kid:nonce:berlin")
TOKYO = an_entry(2, timezone="Asia/Tokyo", sealed="v1:kid:nonce:tokyo")
TOMORROW = an_entry(3, local_date=date(2099, 3, 9))


@pytest.fixture(autouse=True)
def staging(redis_staging, valkey, settings):
    """Three cached notifications, on the server that the command finds in its environment."""
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"redis_url": SecretStr(valkey.url)})
    redis_staging.put([BERLIN, TOKYO, TOMORROW])
    return redis_staging


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("inspect_notification_cache", *arguments, stdout=out)
    return out.getvalue()


def run_json(*arguments: str) -> list[dict[str, object]]:
    return json.loads(run(*arguments, "--json"))


def test_without_an_action_it_counts(staging):
    staging.follow([PUBLISHED])
    counts = {(row["what"], row["name"]): row for row in run_json()}

    assert counts["state", "STAGED"]["count"] == 2
    assert counts["state", "PENDING"]["count"] == 1
    assert counts["zone and date", "Asia/Tokyo 2099-03-08"]["count"] == 1
    assert counts["due index", "daily"] == {
        "what": "due index",
        "name": "daily",
        "count": 2,
        "earliest": NOW.isoformat(),
    }
    assert ("cache", "warm") in counts


def test_it_says_when_the_cache_is_cold(staging):
    staging.clear()

    assert "cold" in run("--action", "stats")


def test_it_lists_where_each_notification_stands_without_its_text():
    rows = run_json("--action", "list")

    assert [row["id"] for row in rows] == [str(an_id(2)), str(an_id(1)), str(an_id(3))]
    assert rows[1] == {
        "id": str(BERLIN.id),
        "user": str(BERLIN.user_id),
        "state": "STAGED",
        "category": "nudge",
        "channel": "email",
        "timezone": "Europe/Berlin",
        "date": "2099-03-08",
        "due_at": NOW.isoformat(),
        "attempt": 0,
    }


def test_a_dump_shows_the_text_sealed():
    assert [row["sealed"] for row in run_json("--action", "dump", "--date", "2099-03-08")] == [
        TOKYO.sealed,
        BERLIN.sealed,
    ]


@pytest.mark.parametrize("action", ["list", "dump"])
def test_a_table_shows_what_json_shows(action):
    table = run("--action", action, "--timezone", "Asia/Tokyo")

    assert "STAGED" in table
    assert "Asia/Tokyo" in table
    assert "Europe/Berlin" not in table


def test_a_table_cuts_nothing_off_when_it_is_read_by_a_program():
    line = next(line for line in run("--action", "dump").splitlines() if str(TOKYO.id) in line)

    assert TOKYO.sealed in line


def test_clear_removes_the_selection_and_its_places_in_the_index(staging):
    answer = run_json("--action", "clear", "--timezone", "Europe/Berlin", "--date", "2099-03-08")

    assert answer[0]["cleared"] == 1
    assert [one.entry for one in staging.entries()] == [TOKYO, TOMORROW]
    assert staging.is_cold()
    staging.warm()
    assert {one.id for one in staging.due(DueIndex.DAILY, NOW, 9, HIDE)} == {TOKYO.id, TOMORROW.id}


def test_clear_without_a_selection_removes_everything(staging):
    assert run_json("--action", "clear")[0]["cleared"] == 3
    assert list(staging.entries()) == []


def test_an_empty_selection_is_an_empty_answer():
    assert run_json("--action", "list", "--timezone", "Africa/Cairo") == []


@pytest.mark.parametrize("action", ["stats", "list", "dump", "clear"])
@pytest.mark.parametrize(
    ("option", "value"),
    [("timezone", "Mars/Olympus"), ("timezone", ""), ("date", "2099-02-30"), ("date", "today"), ("date", "")],
)
def test_a_bad_option_is_named_and_changes_nothing(staging, action, option, value):
    with pytest.raises(CommandError, match=f"error: {option}: ") as raised:
        run("--action", action, f"--{option}", value)

    assert raised.value.returncode == 1
    assert {one.entry.state for one in staging.entries()} == {State.STAGED}
    assert not staging.is_cold()


def test_an_unknown_action_is_refused():
    with pytest.raises(CommandError, match="--action"):
        run("--action", "flush")


def test_a_missing_server_names_the_setting(settings):
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"redis_url": None})

    with pytest.raises(CommandError, match="error: REDIS_URL: "):
        run()
