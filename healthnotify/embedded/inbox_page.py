"""What the inbox accepted lately, as a page and as JSON, so that whoever tries the system sees a message arrive."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from html import escape
from typing import Any, Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.Response]]
Messages = Collection[Mapping[str, Any]]

PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>Inbox</title>
<style>body{{font:1rem/1.5 system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}}
article{{border-top:1px solid #888;padding:.5rem 0}}pre{{white-space:pre-wrap;font:inherit;margin:0}}</style>
<h1>Inbox</h1><p>What was accepted lately, the newest first.</p>{articles}</html>"""
ARTICLE: Final = "<article><small>{time} · {kind} · {to}</small><h2>{subject}</h2><pre>{text}</pre></article>"


def shown(messages: Messages) -> Handler:
    """The page, which asks for itself again every two seconds."""

    async def get(_: web.Request) -> web.Response:
        articles = [
            ARTICLE.format(
                time=escape(one["time"]),
                kind=escape(one["kind"]),
                to=escape(", ".join(one["to"])),
                subject=escape(one["subject"]),
                text=escape(one["text"]),
            )
            for one in messages
        ]
        return web.Response(text=PAGE.format(articles="".join(articles)), content_type="text/html")

    return get


def as_json(messages: Messages) -> Handler:
    """The same, for programs."""

    async def get(_: web.Request) -> web.Response:
        return web.json_response(list(messages))

    return get
