"""`sending` and `ceiling` as somebody with a shell calls them."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from healthnotify.apps.access.models import AuditEntry
from healthnotify.apps.notifications.ceilings import DEFAULTS
from healthnotify.domain.model import Channel
from healthnotify.domain.stops import NOTHING_STOPPED, Stops
from tests.postgres_store import TestedPostgres

pytestmark = pytest.mark.django_db


def told(*arguments):
    out = io.StringIO()
    call_command(*arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def audit():
    return list(AuditEntry.objects.order_by("id").values_list("actor", "action", "target"))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [((), "everything"), (("--channel", "sms"), "sms"), (("--category", "nudge"), "nudge")],
)
def test_something_is_stopped_shown_and_goes_on(arguments, what):
    (stop,) = told("sending", "stop", *arguments, "--reason", "the provider asked us to")
    assert (stop["what"], stop["actor"], stop["reason"]) == (what, "command", "the provider asked us to")
    assert TestedPostgres().stops() != NOTHING_STOPPED
    assert told("sending", "show") == [stop]

    assert told("sending", "resume", *arguments) == []
    assert TestedPostgres().stops() == NOTHING_STOPPED
    assert audit() == [("command", "sending_stopped", what), ("command", "sending_resumed", what)]


def test_to_stop_twice_keeps_the_first_and_says_so_once():
    first = told("sending", "stop", "--reason", "one")
    assert told("sending", "stop", "--reason", "two") == first
    assert len(audit()) == 1


def test_one_goes_on_while_another_stays_stopped():
    told("sending", "stop", "--channel", "sms", "--reason", "one")
    told("sending", "stop", "--reason", "two")

    assert [one["what"] for one in told("sending", "resume")] == ["sms"]
    assert TestedPostgres().stops() == Stops(channels=frozenset({Channel.SMS}))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("stop", "--channel", "pigeon", "--reason", "x"), "channel"),
        (("stop", "--category", "gossip", "--reason", "x"), "category"),
        (("stop", "--channel", "sms", "--category", "nudge", "--reason", "x"), "category"),
        (("stop", "--reason", " "), "reason"),
        (("stop", "--reason", "x" * 201), "reason"),
        (("resume", "--channel", "sms"), "no stop"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(arguments, field):
    with pytest.raises(CommandError, match=field):
        told("sending", *arguments)

    assert TestedPostgres().stops() == NOTHING_STOPPED
    assert audit() == []


def test_a_ceiling_is_shown_and_set():
    assert {one["name"]: one["most"] for one in told("ceiling", "show")} == DEFAULTS

    after = told("ceiling", "set", "sms_minute", "120")

    assert {one["name"]: one["most"] for one in after} == DEFAULTS | {"sms_minute": 120}
    assert audit() == [("command", "ceiling_set", "sms_minute")]
    assert AuditEntry.objects.get().detail == {"before": DEFAULTS["sms_minute"], "after": 120}


@pytest.mark.parametrize(("name", "most"), [("sms_hour", "5"), ("sms_minute", "0"), ("sms_minute", "many")])
def test_a_ceiling_that_makes_no_sense_is_refused(name, most):
    with pytest.raises(CommandError, match=r"error: (name|most)"):
        told("ceiling", "set", name, most)

    assert audit() == []
