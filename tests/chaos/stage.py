"""Everything that stands before the first run, and is taken down after the last one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from healthnotify.embedded import interrupts

if TYPE_CHECKING:
    from tests.chaos.crew import Crew
    from tests.chaos.run import Result
    from tests.chaos.services import Services

Tell = Callable[[str], None]


@contextmanager
def standing(seed: int, tell: Tell, *, keep: bool) -> "Iterator[tuple[Services, Crew]]":
    """Services, tables, topics and a nursery. The environment of this process leads to the services directly."""
    from tests.chaos.services import Services

    interrupts.watch()
    services = Services(seed, tell)
    crew = None
    try:
        services.wait()
        workers = services.environment()
        os.environ.update(workers | services.direct())
        _tables()
        from tests.chaos.crew import Crew

        crew = Crew(workers, services.directory)
        tell("services are ready")
        yield services, crew
    except Exception:
        keep = True
        raise
    finally:
        if crew:
            crew.stop()
        services.stop(keep=keep)
        if keep:
            tell(f"files are kept in {services.directory}")
        interrupts.forget()


def _tables() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from healthnotify import bootstrap
    from healthnotify.adapters.kafka import ensure_topics

    call_command("migrate", verbosity=0)
    ensure_topics(bootstrap.kafka())
    staging = bootstrap.staging()
    staging.warm()
    staging.close()


def tell_result(title: str, result: "Result", tell: Tell) -> None:
    """One line a run, and a line for each breach."""
    verdict = result.verdict
    tell(
        f"{'ok ' if verdict.holds else 'BROKEN'} {title}: planned={verdict.planned} accepted={verdict.accepted} "
        f"kills={result.kills} lost={len(verdict.lost)} duplicates={verdict.duplicates} "
        f"beyond={len(verdict.beyond)} late={len(verdict.late)} left={len(result.left_to_sweeper)} "
        f"recover={result.recover:.1f}s in {result.seconds:.1f}s; "
        + ", ".join(f"{count} {name}" for name, count in sorted(verdict.ended.items()))
    )
    breaches = [("lost", verdict.lost), ("beyond", verdict.beyond), *verdict.violations.items()]
    for name, texts in breaches:
        for text in texts[:5]:
            tell(f"    {name}: {text}")
    for text in result.deaths_by_themselves + result.notes:
        tell(f"    {text}")
