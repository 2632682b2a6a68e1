"""The stand-in itself: takes requests, answers them with drafts, and now and then fails as it was told to."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from aiohttp import web

from healthnotify.embedded.stand_in import plain, troubles
from healthnotify.embedded.stand_in.answers import NAME, Cache, Said, dressed, error
from healthnotify.embedded.stand_in.asked import CHAT, RESPONSES, UNREADABLE, Asked, read, tokens
from healthnotify.embedded.stand_in.batches import Desk
from healthnotify.embedded.stand_in.control import Control
from healthnotify.embedded.stand_in.faults import Dealer, Faults, Habits
from healthnotify.embedded.stand_in.limits import Limits, Refused, hint
from healthnotify.embedded.stand_in.request_log import RequestLog
from healthnotify.embedded.stand_in.shapes import fill, how_many
from healthnotify.embedded.stand_in.spoils import Good, said
from healthnotify.embedded.stand_in.words import drafts

LARGEST: Final = 256 * 1024 * 1024  # bytes of a request: a batch's file may be large
OK: Final = 200

#: Answers a request for files or batches.
Do = Callable[[web.Request, bytes], web.Response]


@dataclass(slots=True)
class Model:
    """One stand-in. `dice` decide what goes wrong, never what is said: that hangs on the brief."""

    faults: Faults = field(default_factory=Faults)
    dice: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - no secret hangs on it
    log: RequestLog = field(default_factory=RequestLog)
    habits: Habits = field(default_factory=Habits)
    dealer: Dealer = field(init=False)
    limits: Limits = field(init=False)
    cache: Cache = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        """Begin with what was given; it may be changed while it runs."""
        self.behave(self.faults, self.habits)
        self.desk = Desk(self._work, self.dice, lambda: self.habits.batch_seconds, lambda: self.habits.batch_expires)

    def behave(self, faults: Faults, habits: Habits) -> None:
        """From now on like this; the limits are untouched when they stay the same."""
        same = hasattr(self, "limits") and habits == self.habits
        self.faults, self.habits = faults, habits
        self.dealer = Dealer(faults, self.dice)
        if not same:
            self.limits = Limits(habits.requests_per_minute, habits.tokens_per_minute, habits.window)
            self.cache = Cache(habits.cached_from)

    def app(self) -> web.Application:
        """The server's routes."""
        app = web.Application(client_max_size=LARGEST)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post(CHAT, self._text)
        if not self.habits.plain:
            app.router.add_post(RESPONSES, self._text)
            self._add_batches(app)
        Control(self).add_to(app)
        return app

    def _add_batches(self, app: web.Application) -> None:
        desk = self.desk
        name = "name"
        app.router.add_post("/v1/files", self._guarded(lambda r, raw: desk.upload(raw, r.headers["content-type"])))
        app.router.add_get("/v1/files/{name}", self._guarded(lambda r, _: desk.file(r.match_info[name])))
        app.router.add_delete("/v1/files/{name}", self._guarded(lambda r, _: desk.delete(r.match_info[name])))
        app.router.add_get("/v1/files/{name}/content", self._guarded(lambda r, _: desk.content(r.match_info[name])))
        app.router.add_post("/v1/batches", self._guarded(lambda _, raw: desk.create(json.loads(raw))))
        app.router.add_get("/v1/batches", self._guarded(lambda _, __: desk.listed()))
        app.router.add_get("/v1/batches/{name}", self._guarded(lambda r, _: desk.batch(r.match_info[name])))
        app.router.add_post("/v1/batches/{name}/cancel", self._guarded(lambda r, _: desk.cancel(r.match_info[name])))

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": NAME, "object": "model", "owned_by": NAME}]})

    # --- texts

    async def _text(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        kind = self.dealer.deal("texts")
        self.log.note(request.path_qs, raw, kind, request.headers)
        spoilt = await troubles.answer(request, kind, self.faults)
        if spoilt is not None:
            return self._headed(spoilt)
        try:
            asked = read(request.path, json.loads(raw))
            refused = None if self.habits.plain else self.limits.take(asked.estimate)
            response = self._too_many(refused) if refused else self._page(asked, kind)
        except UNREADABLE:
            response = error(400, "invalid_request_error", "invalid_request_error", "The request cannot be read.")
        if kind == "cut_midway":
            return await troubles.cut_midway(request, response)
        return self._headed(response)

    def _page(self, asked: Asked, kind: str) -> web.Response:
        what = self._said(asked, kind)
        if what.page is not None:
            return web.Response(text=what.page, content_type="text/html")
        return web.json_response(dressed(asked, what, self.cache.cached(asked, time.monotonic())))

    def _said(self, asked: Asked, kind: str) -> Said:
        """What the model says to it, no longer than it may be, unless it was told to say too much."""
        what = said(kind, Good(asked, self._value(asked)))
        if self.habits.plain and (kind == "good" or kind.startswith("unsafe.")):
            return plain.chatty(what.text, sum(asked.words.encode()))
        most = asked.most if asked.most and kind != "large" else tokens(what.text)
        return Said(what.text[: most * 2], ended="length") if tokens(what.text) > most else what

    def _value(self, asked: Asked) -> Any:
        """A draft, or several, in the shape that was asked for; the plain one goes by the brief alone."""
        brief = asked.brief
        if asked.schema is not None and not self.habits.plain:
            count = how_many(asked.schema, brief)
            return fill(asked.schema, drafts(brief, count) if "goal" in brief else [], brief)
        several = [_two(one) for one in drafts(brief, int(brief.get("variants") or 1) if self.habits.plain else 1)]
        return {"drafts": several} if len(several) > 1 else several[0]

    def _work(self, path: str, body: Any, batch: str) -> tuple[int, dict[str, Any]]:
        """One line of a batch."""
        kind = self.dealer.deal("lines")
        self.log.note(path, json.dumps(body, ensure_ascii=False).encode(), kind, {}, batch=batch)
        status, told = troubles.of_account(kind)
        if status != OK:
            return status, told
        try:
            asked = read(path, body)
            return OK, dressed(asked, self._said(asked, kind), 0)
        except UNREADABLE:
            wrong = {"message": "The request cannot be read.", "type": "invalid_request_error", "code": None}
            return 400, {"error": wrong | {"param": None}}

    # --- limits, and what goes wrong with files and batches

    def _too_many(self, refused: Refused) -> web.Response:
        if refused.seconds is None:
            message = f"Request too large for {NAME} on {refused.which} per min: Limit {refused.limit}."
            return error(429, refused.which, "rate_limit_exceeded", message)
        message = f"Rate limit reached for {NAME} on {refused.which} per min. Try again in {refused.seconds:.3f}s."
        headers = hint(self.habits.hint, refused.seconds)
        return error(429, refused.which, "rate_limit_exceeded", message, headers)

    def _headed(self, response: web.StreamResponse) -> web.StreamResponse:
        silent = response.status == troubles.TOO_MANY and self.habits.hint == "silent"
        if not self.habits.plain and not silent and not response.prepared:
            response.headers.update({**self.limits.headers(), **response.headers})
        return response

    def _guarded(
        self, do: Callable[[web.Request, bytes], web.Response]
    ) -> Callable[..., Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            raw = await request.read()
            kind = self.dealer.deal("files")
            self.log.note(request.path_qs, raw, kind, request.headers)
            spoilt = await troubles.answer(request, kind, self.faults)
            if spoilt is not None:
                return spoilt
            try:
                response = do(request, raw)
            except UNREADABLE:
                response = error(400, "invalid_request_error", "invalid_request_error", "The request cannot be read.")
            return await troubles.cut_midway(request, response) if kind == "cut_midway" else response

        return handle


def _two(draft: dict[str, str]) -> dict[str, str]:
    return {"subject": draft["subject"], "text": draft["text"]}
