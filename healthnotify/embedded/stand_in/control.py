"""How a running stand-in is told otherwise, and what it tells of itself: `/control/…`, for tests and demonstrations.

GET /control/faults shows what it does; PATCH changes fields of `Faults` and `Habits`, DELETE goes back.
GET /control/names lists every fault; GET /control/requests?contains=TEXT answers the requests that hold it.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from healthnotify.embedded.stand_in import request_log
from healthnotify.embedded.stand_in.faults import FAULTS, HABITS, NAMES, Faults, Habits

if TYPE_CHECKING:
    from healthnotify.embedded.stand_in.model import Model

Kind = TypeVar("Kind", Faults, Habits)


class Control:
    """The routes that steer one model."""

    def __init__(self, model: "Model") -> None:
        """What it has now is what DELETE goes back to."""
        self._model = model
        self._first = (model.faults, model.habits)

    def add_to(self, app: web.Application) -> None:
        """Beside the routes that OpenAI has, too."""
        app.router.add_get("/control/faults", self._show)
        app.router.add_patch("/control/faults", self._change)
        app.router.add_delete("/control/faults", self._reset)
        app.router.add_get("/control/names", self._names)
        app.router.add_get("/control/requests", self._requests)

    async def _show(self, _: web.Request) -> web.Response:
        return web.json_response(asdict(self._model.faults) | asdict(self._model.habits))

    async def _change(self, request: web.Request) -> web.Response:
        try:
            wanted = json.loads(await request.read())
            unknown = [name for name in wanted if name not in FAULTS and name not in HABITS]
            if unknown:
                return _refused(f"there is no {unknown[0]!r}; there are {', '.join((*FAULTS, *HABITS))}")
            faults = _changed(self._model.faults, wanted, FAULTS)
            habits = _changed(self._model.habits, wanted, HABITS)
        except (ValueError, TypeError, AttributeError, argparse.ArgumentTypeError) as problem:
            return _refused(str(problem))
        self._model.behave(faults, habits)
        return await self._show(request)

    async def _reset(self, request: web.Request) -> web.Response:
        self._model.behave(*self._first)
        return await self._show(request)

    async def _names(self, _: web.Request) -> web.Response:
        return web.json_response(list(NAMES))

    async def _requests(self, request: web.Request) -> web.Response:
        path, wanted = self._model.log.path, request.query.get("contains", "")
        if path is None:
            return _refused("it keeps no log; start it with --log")
        lines = request_log.lines(path)
        return web.json_response([line for line in lines if wanted in f"{line['path']} {line['body']}"])


def _changed(kind: Kind, wanted: Mapping[str, Any], options: Mapping[str, Callable[[str], Any]]) -> Kind:
    """The same with what was wanted, read as the options are."""
    return replace(kind, **{name: how(_as_option(wanted[name])) for name, how in options.items() if name in wanted})


def _as_option(value: Any) -> str:
    """A list is written with commas, and an object with shares, as on the command line."""
    if isinstance(value, dict):
        value = [f"{name}={share}" for name, share in value.items()]
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _refused(why: str) -> web.Response:
    return web.json_response({"error": why}, status=400)
