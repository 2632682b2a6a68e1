"""What is declared, what the documentation says and what is exported are the same; what is counted is what happened."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from healthnotify.adapters import metrics
from healthnotify.adapters.counted import CountedStaging, CountedWriter, WatchedIntake
from healthnotify.adapters.memory.staging import MemoryStaging
from healthnotify.adapters.memory.store import MemoryStore
from healthnotify.adapters.memory.writer import ScriptedWriter
from healthnotify.adapters.metrics import DECLARED, REGISTRY, Bounded, Figures
from healthnotify.adapters.pulse import Pulse
from healthnotify.adapters.telemetry import Log
from healthnotify.domain.delivery import Accepted, Answer, Claim, Record, Step
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.lifecycle import Event, State
from healthnotify.domain.model import Draft
from healthnotify.pipeline.deliver import Held, Sent
from healthnotify.pipeline.ports import DueIndex, Intake, NotWritten, Staging, Writer
from healthnotify.workers.loop import Loop
from tests.builders import NOON, REFUSED, record_of, staged

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
FIGURES = Figures("test", alive=True, answers={"Kafka": False}, lag={"notifications.daily": 3}, due={"daily": 4})


def counted(name, **labels):
    """How much a sample grew inside of the `with`."""

    class Growth:
        def __enter__(self):
            self.before = self.now()
            return self

        def __exit__(self, *_):
            self.by = self.now() - self.before

        def now(self):
            return REGISTRY.get_sample_value(name, labels) or 0

    return Growth()


def exported():
    text = metrics.exposition(FIGURES).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def rows(title):
    """The cells of a table of the page, that of its first section or the one below a heading."""
    text = PAGE.read_text(encoding="utf-8")
    part = text.split(f"## {title}\n")[1] if title else text
    lines = [line for line in part.split("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


def test_the_page_says_what_the_file_declares():
    written = [[f"`{d.name}`", ", ".join(f"`{label}`" for label in d.labels), d.answers, d.reader] for d in DECLARED]

    assert rows(None) == written


def test_what_is_declared_is_exported_and_nothing_else():
    names = {declared.name.removesuffix("_total") for declared in DECLARED}

    assert set(exported()) == names


def test_every_reader_is_on_the_page_and_reads_what_it_is_said_to():
    expressions = {f"{kind}: {row[0]}": row[1] for kind in ("panel", "alert") for row in rows(f"{kind.title()}s")}
    said = {(declared.name, reader) for declared in DECLARED for reader in declared.reader.split("; ")}
    read = {
        (name.removesuffix("_bucket").removesuffix("_count"), reader)
        for reader, expression in expressions.items()
        for name in re.findall(r"healthnotify_\w+", expression)
    }

    assert said == read


def test_every_label_that_an_expression_names_exists():
    labels = {declared.name: set(declared.labels) for declared in DECLARED}
    for _, expression, *_ in rows("Panels") + rows("Alerts"):
        for name, chosen in re.findall(r"(healthnotify_\w+)\{([^}]*)\}", expression):
            known = labels[name.removesuffix("_bucket").removesuffix("_count")]
            assert set(re.findall(r"(\w+)=", chosen)) <= known, expression


def test_what_is_looked_up_is_told_and_what_is_not_known_is_left_out():
    found = exported()
    assert [(sample.labels, sample.value) for sample in found["healthnotify_lag_records"].samples] == [
        ({"topic": "notifications.daily"}, 3)
    ]
    assert [sample.value for sample in found["healthnotify_dependency_answers"].samples] == [0]
    text = metrics.exposition(Figures("test", alive=False)).decode()
    assert "healthnotify_lag_records{" not in text
    assert 'healthnotify_alive{worker="test"} 0.0' in text


def test_a_label_from_outside_takes_codes_only_and_no_more_than_it_may():
    bounded = Bounded(2)

    assert [bounded(value) for value in ("smtp_451", "http_503", "smtp_451", "one_too_many")] == [
        "smtp_451",
        "http_503",
        "smtp_451",
        "other",
    ]
    assert Bounded(2)("p@example.org") == "other"
    assert Bounded(2)("Dear Anna") == "other"


def a_step(event, reason=None):
    return Step(uuid4(), event, State.PENDING, State.COMPLETED, NOON, reason=reason)


def test_steps_are_counted_where_they_are_logged():
    with (
        counted("healthnotify_steps_total", event="accepted", reason="") as accepted,
        counted("healthnotify_steps_total", event="refused", reason="smtp_451") as refused,
    ):
        Log("test").steps(iter([a_step(Event.ACCEPTED), a_step(Event.REFUSED, "smtp_451"), a_step(Event.ACCEPTED)]))

    assert (accepted.by, refused.by) == (2, 1)


@pytest.mark.parametrize(("attempt", "tries"), [(1, "first"), (2, "later")])
def test_lateness_is_that_of_what_was_accepted(attempt, tries):
    (entry,) = staged(MemoryStore())
    envelope = record_of(entry, attempt)
    held = Held(Record(None, envelope), Claim(Answer.CLAIMED, envelope, uuid4()))
    labels = {"channel": "email", "tries": tries}
    with (
        counted("healthnotify_lateness_seconds_sum", **labels) as seconds,
        counted("healthnotify_lateness_seconds_count", **labels) as number,
    ):
        metrics.count_sent(Sent(held, Accepted()), entry.send_at + timedelta(seconds=3))
        metrics.count_sent(Sent(held, REFUSED), entry.send_at + timedelta(seconds=9))

    assert (seconds.by, number.by) == (3, 1)


def test_the_cache_serves_or_is_cold_or_is_away():
    inner = MemoryStaging()
    staging = CountedStaging(inner, Pulse())
    staging.put(staged(MemoryStore()))
    found = {}

    def due():
        return staging.due(DueIndex.DAILY, NOON, 10, timedelta(seconds=1))

    for result in ("served", "cold", "unavailable"):
        inner.cold, inner.down = result == "cold", result == "unavailable"
        with counted("healthnotify_cache_calls_total", call="due", result=result) as growth:
            if result == "unavailable":
                with pytest.raises(Unavailable):
                    due()
            else:
                assert due() == (None if result == "cold" else [])
        found[result] = growth.by

    assert found == {"served": 1, "cold": 1, "unavailable": 1}


@pytest.mark.parametrize(
    ("port", "counted_port"), [(Staging, CountedStaging), (Intake, WatchedIntake), (Writer, CountedWriter)]
)
def test_what_counts_has_all_that_its_port_has(port, counted_port):
    """A method that came to the port and not to its wrapper would be missed only by a running worker."""
    assert {name for name in vars(port) if not name.startswith("_")} <= set(vars(counted_port))


def test_telling_the_cache_nothing_is_not_a_call():
    with counted("healthnotify_cache_calls_total", call="follow", result="served") as growth:
        CountedStaging(MemoryStaging(), Pulse()).follow([])

    assert growth.by == 0


async def test_the_model_writes_or_says_why_not():
    writer = CountedWriter(ScriptedWriter([Draft("A walk?", "Ten minutes?"), NotWritten("rate_limited")]))
    with (
        counted("healthnotify_model_seconds_count", result="written") as written,
        counted("healthnotify_model_seconds_count", result="rate_limited") as limited,
    ):
        await writer.write(None, timedelta(seconds=1))
        with pytest.raises(NotWritten):
            await writer.write(None, timedelta(seconds=1))

    assert (written.by, limited.by) == (1, 1)
    assert (writer.model, writer.prompt_id) == ("scripted", "scripted")


def test_idle_turns_are_not_timed():
    loop = Loop("idler")
    with counted("healthnotify_part_seconds_count", worker="idler", part="act") as growth:
        loop.counted("act", list)()
        loop.counted("act", lambda: [a_step(Event.ACCEPTED)])()

    assert growth.by == 1
