"""A stand-in for the language model: OpenAI's protocol over real HTTP, plausible texts, and faults on request.

python -m healthnotify.embedded.model_server --port 8765 --log requests.jsonl --slow 0.05 --bad 0.1 --shares hang=0.02
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any, Final

from aiohttp import web

from healthnotify.embedded.process import Process, answers, free_port
from healthnotify.embedded.stand_in import request_log
from healthnotify.embedded.stand_in.faults import FAULTS, HABITS, Faults, Habits, add_options, as_options
from healthnotify.embedded.stand_in.model import Model
from healthnotify.embedded.stand_in.request_log import RequestLog

ROOT: Final = Path(__file__).resolve().parents[2]

__all__ = ["Faults", "Habits", "Model", "ModelServer", "main", "start"]


class ModelServer:
    """The stand-in in a process of its own."""

    def __init__(self, process: Process, port: int, log_path: Path) -> None:
        """Started by `start`."""
        self.process = process
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.control_url = f"http://127.0.0.1:{port}/control"
        self.log_path = log_path  #: every request, one JSON object a line: path, answer, at, headers, body

    def wait(self, *, seconds: float = 10) -> "ModelServer":
        """Until it takes requests. Raises `StartFailed`."""
        self.process.wait_until(lambda: answers(self.port), seconds=seconds)
        return self

    def requests(self) -> list[dict[str, Any]]:
        """What it was asked so far, in order; a line that is being written is left out."""
        return request_log.lines(self.log_path)

    def heard(self, words: Iterable[str]) -> list[str]:
        """Which of these words stand anywhere in what it was asked."""
        return request_log.found(self.log_path, words)

    def stop(self) -> None:
        """End it. Safe to call twice."""
        self.process.stop()


def start(
    directory: Path,
    *,
    faults: Faults | None = None,
    habits: Habits | None = None,
    seed: int = 0,
    port: int | None = None,
) -> ModelServer:
    """Start it with its logs in `directory` and do not wait: call `wait()` before the first request."""
    where = port or free_port()
    log = directory / "model-requests.jsonl"
    command = [sys.executable, "-m", __spec__.name, "--port", str(where), "--log", str(log), "--seed", str(seed)]
    command += as_options(faults or Faults(), habits or Habits())
    found_from_anywhere = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = Process("the language model", command, log=directory / "model.log", environment=found_from_anywhere)
    return ModelServer(process, where, log)


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, on the loopback address unless another one is named."""
    given = _parser().parse_args(arguments)
    faults = Faults(**{name: getattr(given, name) for name in FAULTS})
    habits = Habits(**{name: getattr(given, name) for name in HABITS})
    log = RequestLog(given.log)
    model = Model(faults, Random(given.seed), log, habits)  # noqa: S311 - no secret hangs on it
    try:
        asyncio.run(_serve(model, given.host, given.port))
    finally:
        log.close()


async def _serve(model: Model, host: str, port: int) -> None:
    runner = web.AppRunner(model.app(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    ended = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, ended.set)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    await ended.wait()
    await runner.cleanup()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A stand-in for the language model.")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, help="file for the requests, one JSON object a line")
    parser.add_argument("--seed", type=int, default=0, help="decides what goes wrong")
    add_options(parser)
    return parser


if __name__ == "__main__":
    main()
