"""A stand-in for the language model: OpenAI's protocol over real HTTP, plausible texts, and faults on request.

python -m healthnotify.embedded.model_server --port 8765 --log requests.jsonl --slow 0.05 --bad 0.1
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, TextIO

from aiohttp import web

from healthnotify.embedded.model_texts import TONGUES
from healthnotify.embedded.process import Process, answers, free_port

ROOT: Final = Path(__file__).resolve().parents[2]
NAME: Final = "stand-in"
SERVER_ERROR: Final = 500
TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares are of all requests, from 0 to 1; the first that fits is dealt out. Each field is an option, too."""

    limited: float = 0.0  #: share of 429
    retry_after: str = "1"  #: the header of those, in whatever form
    errors: float = 0.0  #: share of 500
    slow: float = 0.0  #: share of slow answers
    slow_seconds: float = 30.0
    bad: float = 0.0  #: share of bad answers, their kinds in turn
    kinds: tuple[str, ...] = ()  #: of bad answers; all of `BAD` when empty
    seconds: float = 0.05  #: what every answer takes


Spoil = Callable[[dict[str, str]], str]


def _with_text(text: str) -> Spoil:
    return lambda draft: json.dumps(draft | {"text": f"{draft['text']} {text}"}, ensure_ascii=False)


def _in_prose(draft: dict[str, str]) -> str:
    return f"Sure! Here is your message:\n```json\n{json.dumps(draft, indent=1)}\n```\nI hope this helps."


#: Kind of bad answer -> how it spoils a good one. `refusal` and `truncated` also differ outside of the text.
BAD: Final[Mapping[str, Spoil]] = {
    "broken_json": lambda draft: json.dumps(draft)[:-1].replace('":', "", 1),
    "truncated": lambda draft: json.dumps(draft)[: len(draft["text"]) // 2],
    "empty": lambda _: "",
    "refusal": lambda _: "I'm sorry, but I can't help with that.",
    "unknown_placeholder": _with_text("{first_name}, [doctor]"),
    "link": _with_text("https://fitness-deals.example/now"),
    "prose": _in_prose,
}


@dataclass(slots=True)
class Model:
    """Writes drafts from briefs, and now and then fails as it was told to."""

    faults: Faults = field(default_factory=Faults)
    dice: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - no secret hangs on it
    log: TextIO | None = None
    spoiled: int = 0

    def app(self) -> web.Application:
        """The server's routes."""
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/responses", self._responses)
        app.router.add_post("/v1/chat/completions", self._chat)
        return app

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": NAME, "object": "model", "owned_by": NAME}]})

    async def _responses(self, request: web.Request) -> web.Response:
        return await self._answer(request, lambda body: body["input"], _as_responses)

    async def _chat(self, request: web.Request) -> web.Response:
        return await self._answer(request, lambda body: body["messages"][-1]["content"], _as_chat)

    async def _answer(
        self, request: web.Request, find: Callable[[Any], str], wrap: Callable[[str, str], dict[str, Any]]
    ) -> web.Response:
        raw = await request.read()
        kind = self._kind()
        self._note(request, raw, kind)
        await asyncio.sleep(self.faults.slow_seconds if kind == "slow" else self.faults.seconds)
        if kind == "limited":
            return _error(TOO_MANY, "rate_limit_exceeded", {"Retry-After": self.faults.retry_after})
        if kind == "error":
            return _error(SERVER_ERROR, "server_error")
        try:
            draft = self._draft(json.loads(find(json.loads(raw))))
        except (ValueError, KeyError, IndexError, TypeError):
            return _error(400, "invalid_request_error")
        spoil = BAD.get(kind)
        return web.json_response(wrap(kind, spoil(draft) if spoil else json.dumps(draft, ensure_ascii=False)))

    def _kind(self) -> str:
        """What comes of the next request: limited, error, slow, good, or a key of `BAD`."""
        roll = self.dice.random()
        for kind, share in (
            ("limited", self.faults.limited),
            ("error", self.faults.errors),
            ("slow", self.faults.slow),
        ):
            if roll < share:
                return kind
            roll -= share
        if roll >= self.faults.bad:
            return "good"
        kinds = self.faults.kinds or tuple(BAD)
        self.spoiled += 1
        return kinds[(self.spoiled - 1) % len(kinds)]

    def _draft(self, brief: Mapping[str, Any]) -> dict[str, str]:
        tongue = TONGUES.get(str(brief["language"]), TONGUES["en"])
        goal = str(brief["goal"])
        sentences = [
            self.dice.choice(tongue.ideas[goal]),
            self.dice.choice(tongue.progress.get(str(brief["progress"]), tongue.progress["none"])),
            self.dice.choice(tongue.closings.get(str(brief["tone"]), tongue.closings["warm"])),
        ]
        while len(sentences) > 1 and len(" ".join(sentences)) > int(brief["longest"]) // 2 + 50:
            sentences.pop()
        return {"subject": self.dice.choice(tongue.subjects[goal]), "text": "{greeting}\n" + " ".join(sentences)}

    def _note(self, request: web.Request, raw: bytes, kind: str) -> None:
        if self.log is None:
            return
        headers = {name: text for name, text in request.headers.items() if name.lower() != "authorization"}
        line = {"path": request.path, "answer": kind, "headers": headers, "body": raw.decode(errors="backslashreplace")}
        print(json.dumps(line, ensure_ascii=False), file=self.log, flush=True)


def _as_responses(kind: str, text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    if kind == "refusal":
        part = {"type": "refusal", "refusal": text}
    cut = kind == "truncated"
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 0,
        "model": NAME,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}],
        "parallel_tool_calls": False,
        "tool_choice": "none",
        "tools": [],
    }


def _as_chat(kind: str, text: str) -> dict[str, Any]:
    refused = kind == "refusal"
    message = {"role": "assistant", "content": None if refused else text, "refusal": text if refused else None}
    reason = "length" if kind == "truncated" else "stop"
    return {
        "id": "chat_1",
        "object": "chat.completion",
        "created": 0,
        "model": NAME,
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
    }


def _error(status: int, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"error": {"message": f"The stand-in was told to answer {status}.", "type": code, "code": code}}
    return web.json_response(body, status=status, headers=headers)


class ModelServer:
    """The stand-in in a process of its own."""

    def __init__(self, process: Process, port: int, log_path: Path) -> None:
        """Started by `start`."""
        self.process = process
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.log_path = log_path  #: every request, one JSON object a line: path, answer, headers, body

    def wait(self, *, seconds: float = 10) -> "ModelServer":
        """Until it takes requests. Raises `StartFailed`."""
        self.process.wait_until(lambda: answers(self.port), seconds=seconds)
        return self

    def requests(self) -> list[dict[str, Any]]:
        """What it was asked so far, in order; a line that is being written is left out."""
        lines = self.log_path.read_text(encoding="utf-8").splitlines(keepends=True) if self.log_path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def stop(self) -> None:
        """End it. Safe to call twice."""
        self.process.stop()


def start(directory: Path, *, faults: Faults | None = None, seed: int = 0, port: int | None = None) -> ModelServer:
    """Start it with its logs in `directory` and do not wait: call `wait()` before the first request."""
    where = port or free_port()
    log = directory / "model-requests.jsonl"
    command = [sys.executable, "-m", __spec__.name, "--port", str(where), "--log", str(log), "--seed", str(seed)]
    for name in OPTIONS:
        given = getattr(faults or Faults(), name)
        value = ",".join(given) if isinstance(given, tuple) else str(given)
        command.append(f"--{name.replace('_', '-')}={value}")
    found_from_anywhere = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = Process("the language model", command, log=directory / "model.log", environment=found_from_anywhere)
    return ModelServer(process, where, log)


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, on the loopback address unless another one is named."""
    given = _parser().parse_args(arguments)
    faults = Faults(**{name: getattr(given, name) for name in OPTIONS})
    log = given.log.open("a", encoding="utf-8") if given.log else None
    model = Model(faults, Random(given.seed), log)  # noqa: S311 - no secret hangs on it
    try:
        asyncio.run(_serve(model, given.host, given.port))
    finally:
        if log:
            log.close()


async def _serve(model: Model, host: str, port: int) -> None:
    runner = web.AppRunner(model.app(), access_log=None, shutdown_timeout=0.1)
    ended = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, ended.set)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    await ended.wait()
    await runner.cleanup()


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(kind for kind in text.split(",") if kind)
    unknown = [kind for kind in kinds if kind not in BAD]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown kind {unknown[0]!r}; there are {', '.join(BAD)}")
    return kinds


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share; give a number from 0 to 1")
    return share


#: Field of `Faults` -> how its option is read.
OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "limited": _share,
    "retry_after": str,
    "errors": _share,
    "slow": _share,
    "slow_seconds": float,
    "bad": _share,
    "kinds": _kinds,
    "seconds": float,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A stand-in for the language model.")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, help="file to append every request to, as JSON lines")
    parser.add_argument("--seed", type=int, default=0)
    for name, kind in OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=getattr(Faults(), name))
    return parser


if __name__ == "__main__":
    main()
