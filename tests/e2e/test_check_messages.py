"""`manage.py check_messages`, from the command line: JSON lines in, verdicts out, in order."""

import json
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from healthnotify.commands.checking import FIELDS, answer
from tests.redteam.corpus import held_out

COMMAND = (sys.executable, "manage.py", "check_messages")
GOOD = {"id": "1", "goal": "walk_more", "locale": "en-GB", "subject": "A walk", "text": "A short walk?", "facts": {}}


def line(**but):
    return json.dumps({name: value for name, value in (GOOD | but).items() if value is not ...}).encode()


def test_verdicts_come_in_order_from_standard_input_without_any_service():
    lines = b"\n".join([line(), line(id=2, text="Leave the pills in the drawer today."), line(id="3")])
    done = subprocess.run(COMMAND, input=lines, capture_output=True, env={}, check=False)
    verdicts = [json.loads(text) for text in done.stdout.splitlines()]

    assert [verdict["id"] for verdict in verdicts] == ["1", 2, "3"]
    assert [verdict["allowed"] for verdict in verdicts] == [True, False, True]
    assert verdicts[0] == {"id": "1", "allowed": True, "reasons": []}
    assert verdicts[1]["reasons"]
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_bad_line_is_answered_and_the_others_are_judged(tmp_path):
    batch = tmp_path / "messages.jsonl"
    batch.write_bytes(b"\n".join([b"{", line(id="a", locale="nl-BE"), line(id="b")]))
    out = StringIO()

    with pytest.raises(CommandError, match="2 of 3 lines"):
        call_command("check_messages", str(batch), stdout=out)

    first, second, third = (json.loads(text) for text in out.getvalue().splitlines())
    assert (first["id"], second["id"]) == (None, "a")
    assert second["error"].startswith("locale: 'nl-BE' is in none of our languages. Use a locale of en, de, es, fr")
    assert third["allowed"]


@pytest.mark.parametrize(
    ("but", "named"),
    [
        ({"id": ...}, "id: missing"),
        ({"id": [1]}, "id: it is not usable"),
        ({"locale": ...}, "locale: missing"),
        ({"locale": 3}, "locale: 3 is not a text"),
        ({"subject": None}, "subject: None is not a text"),
        ({"text": ...}, "text: missing"),
        ({"goal": 7}, "goal: 7 is not a text"),
        ({"facts": []}, "facts: [] is not an object"),
        ({"facts": {"progress": [4]}}, "facts.'progress': [4] is no single value"),
        ({"fact": 1}, "'fact': there is no such field"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(but, named):
    assert answer(line(**but))["error"].startswith(named)


def test_facts_may_be_named_and_nothing_else():
    text = "Hi Zoë, you have walked on 4 of 7 days."

    assert answer(line(text=text, facts={"name": "Zoë", "progress": 4, "target": "7", "none": None}))["allowed"]
    assert "invented_number" in answer(line(text=text, facts={"name": "Zoë", "progress": 5, "target": 7}))["reasons"]


def test_it_says_what_the_guardrails_say():
    for one in held_out()[:100]:
        asked = {"id": one.id, "goal": one.goal, "locale": one.locale, "facts": one.facts}
        words = {"subject": one.draft.subject, "text": one.draft.text}
        verdict = one.verdict()
        assert answer(json.dumps(asked | words).encode()) == {
            "id": one.id,
            "allowed": verdict.allowed,
            "reasons": list(verdict.reasons),
        }
    assert set(asked | words) == set(FIELDS)
