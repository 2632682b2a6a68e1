"""A process loads what it uses and no more, and keeps no memory that it has freed."""

import ctypes
import os
import subprocess
import sys

import pytest

from config.environment import ROOT

pytestmark = pytest.mark.timeout(120)

MODEL = {"openai", "httpx2", "throttled"}
ROAD = {"redis", "confluent_kafka"}
#: What belongs to pages, to the API, to requests or to reports that nobody has asked for.
OF_OTHERS = {"rest_framework.views", "drf_spectacular.openapi", "healthnotify.web", "sentry_sdk", "uvicorn"}

LOADED = """
import sys
import django
django.setup()
from healthnotify import bootstrap
from healthnotify.workers import {module}
app = bootstrap.app()
bootstrap.watch("{name}", app.pulse)
{made}
print(*sys.modules)
"""
HOLES = """
import django
django.setup()
from healthnotify.bootstrap.memory import give_back
def pages():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1])
before = pages()
blocks = [bytearray(50_000) for _ in range(600)]
between = blocks[::30]
del blocks
kept = pages() - before
give_back()
print(kept, pages() - before)
"""


@pytest.mark.parametrize(
    ("name", "made", "unused"),
    [
        ("planner", "", MODEL | ROAD | {"aiohttp"}),
        ("sweeper", "", MODEL | {"aiohttp"}),
        ("producer", "bootstrap.staging()", MODEL | {"aiohttp"}),
        ("retry-consumer", "bootstrap.staging()", MODEL | {"aiohttp"}),
        ("consumer", "app.breakers(); app.channels()", MODEL | {"aiohttp"}),
        ("builder", "app.writer()", {"confluent_kafka"}),
    ],
)
def test_a_worker_does_not_load_what_only_others_use(name, made, unused):
    code = LOADED.format(module=name.replace("-", "_"), name=name, made=made)

    loaded = set(_said(code, EMAIL_HOST="inbox", OPENAI_KEY="a-key", REDIS_URL="redis://cache:6379/0").split())

    assert loaded & (unused | OF_OTHERS) == set()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not the GNU C library")
def test_what_is_freed_between_what_is_used_goes_back_to_the_system():
    kept, left = map(int, _said(HOLES).split())

    assert left < kept / 4


def _said(code, **given):
    surroundings = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings", **given}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout
