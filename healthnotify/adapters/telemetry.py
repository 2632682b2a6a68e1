"""Structured logs: one JSON line a step, with ids and codes only."""

import logging
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import timedelta
from typing import Any, Final

import msgspec
import structlog

from healthnotify.adapters import metrics
from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import HealthNotifyError, Misconfigured

FAREWELL: Final = timedelta(seconds=2)  # what a report may hold up the end of a process
#: Steps whose lines are written together. More than 4 KiB in one write to a pipe could be torn apart by others' lines.
AT_ONCE: Final = 10
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up(level: str) -> None:
    """Log JSON lines to standard error, one an event, times in UTC. Foreign libraries' warnings take the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *shared,
            _lines,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),  # one write: workers share a file
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(serializer=_json), foreign_pre_chain=shared
        )
    )
    logging.basicConfig(handlers=[handler], level=max(LEVELS[level], logging.WARNING), force=True)


def report_defects(dsn: str | None) -> None:
    """Send defects to the Sentry that `dsn` names: the exception's kind and where it was raised, nothing of anybody.

    Messages are left out, because a library's may quote a value; so are local variables, breadcrumbs and host names.
    Raises `Misconfigured` for a malformed DSN. The SDK is loaded only where there is one.
    """
    if dsn is None:
        return
    import sentry_sdk
    from sentry_sdk.utils import BadDsn

    try:
        sentry_sdk.init(
            dsn,
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            server_name="",
            before_send=_without_messages,
        )
    except BadDsn:
        raise Misconfigured("SENTRY_DSN", "it is not a DSN", "Copy it from the project's settings in Sentry") from None


def _without_messages(event: Any, _hint: dict[str, Any]) -> Any:
    for raised in event.get("exception", {}).get("values", []):
        raised["value"] = ""
    return event


class Log:
    """What one worker says."""

    def __init__(self, worker: str) -> None:
        self._log = structlog.get_logger().bind(worker=worker)

    def steps(self, steps: Iterable[Step]) -> None:
        """One line a step, and its count; the notification's id is the correlation id through all workers."""
        steps = list(steps)
        metrics.count_steps(steps)
        for start in range(0, len(steps), AT_ONCE):
            self._log.info("step", each=[_told(step) for step in steps[start : start + AT_ONCE]])

    def note(self, event: str, **fields: Any) -> None:
        """Something that went as it should."""
        self._log.info(event, **fields)

    def trouble(self, event: str, **fields: Any) -> None:
        """Something that an operator may have to look at."""
        self._log.warning(event, **fields)

    def broken(self, event: str, problem: BaseException) -> None:
        """The end of this process, and why: in our words where we have them, else a defect's kind and place.

        Not its message: it is a library's, and may quote an address or a text.
        """
        kind = type(problem).__name__
        if isinstance(problem, HealthNotifyError):
            self._log.error(event, kind=kind, problem=str(problem))
        else:
            self._log.error(event, kind=kind, where=traceback.format_tb(problem.__traceback__))
            if sentry := sys.modules.get("sentry_sdk"):  # loaded only where a DSN is given
                sentry.capture_exception(problem)
                sentry.flush(FAREWELL.total_seconds())


def _told(step: Step) -> dict[str, Any]:
    return {
        "correlation_id": step.id,
        "cause": step.event,
        "before": step.before,
        "after": step.after,
        "attempt": step.attempt,
        "reason": step.reason,
        "due_at": step.due_at,
    }


def _lines(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
    """One for what was said, or one for each of the steps in it."""
    each = event.pop("each", None)
    shared = _bytes(event)
    if each is None:
        return shared
    beginning = shared[:-1] + b","  # it has its own fields; what follows is never empty either
    return b"\n".join(beginning + _bytes(one)[1:] for one in each)


def _bytes(event: Mapping[str, Any], **_: Any) -> bytes:
    return _encode(event)


def _json(event: dict[str, Any], **_: Any) -> str:
    return _bytes(event).decode()
