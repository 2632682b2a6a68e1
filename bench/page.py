"""What the operations page costs the database for each viewer, with a million notifications in the table."""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import aiohttp

from bench.serving import web
from healthnotify import bootstrap
from healthnotify.apps.access.models import Operator
from healthnotify.apps.access.scopes import Role
from healthnotify.apps.database import rows
from healthnotify.apps.users import people
from healthnotify.commands.invented import somebody
from healthnotify.embedded.stack import Stack

NOTIFICATIONS: Final = 1_000_000
USERS: Final = 2_000
OPEN: Final = 5_000
SECONDS: Final = 60
SETTLE: Final = 15  # seconds, for what the filling has left the server to do
PASSWORD: Final = "a password for a bench"  # noqa: S105 - of a database that lives as long as the measurement

#: Ended ones spread over thirty days, the last of them just now; some planned and staged ones are to come.
FILL: Final = """
    WITH somebody AS (SELECT array_agg(id) AS ids FROM users)
    INSERT INTO notifications (id, user_id, category, channel, goal, local_date, slot, revision, timezone, wall_clock,
        send_at, expires_at, tzdata, state, updated_at, ended_at, attempt, uncounted, accepted_by, message_sealed,
        message_sha256, provenance)
    SELECT gen_random_uuid(), s.ids[1 + n %% %(users)s], 'nudge', (ARRAY['email', 'sms', 'webhook'])[1 + n %% 3],
           'walk_more', (t.at AT TIME ZONE 'UTC')::date, 1 + n / %(users)s, 0,
           (ARRAY['Europe/Berlin', 'Asia/Tokyo', 'America/New_York'])[1 + n %% 3], '', t.at, t.at + interval '4 hours',
           '2026', CASE WHEN n > %(count)s THEN 'STAGED' ELSE 'COMPLETED' END, t.at,
           CASE WHEN n > %(count)s THEN NULL ELSE t.at END, 1, 0, ARRAY[gen_random_uuid()], repeat('x', 300),
           repeat('0', 64), '{"source": "model", "author": "bench", "fields": []}'
    FROM somebody s, generate_series(1, %(count)s + %(open)s) AS n,
         LATERAL (SELECT %(now)s::timestamptz - (%(count)s - n) * interval '2.592 seconds' AS at) AS t
"""
MOVES: Final = """
    INSERT INTO moves (notification_id, local_date, at, event, before, after, attempt, reason)
    SELECT id, local_date, updated_at, CASE state WHEN 'STAGED' THEN 'written' ELSE 'accepted' END,
           CASE state WHEN 'STAGED' THEN 'PLANNED' ELSE 'PENDING' END, state, 1,
           CASE state WHEN 'STAGED' THEN 'model' END
    FROM notifications
"""
BUSY: Final = "SELECT active_time AS milliseconds FROM pg_stat_database WHERE datname = current_database()"


def run(stack: Stack, files: Path) -> None:
    """Print milliseconds of the database's time a second, without and with a viewer."""
    _fill()
    Operator.objects.create_user("bench", PASSWORD, Role.ADMINISTRATOR)
    with web(stack, files) as url:
        without = _milliseconds_a_second(lambda: time.sleep(SECONDS / 3))
        with_one = _milliseconds_a_second(lambda: asyncio.run(_view(url)))
    count = rows("SELECT count(*) AS n FROM notifications", {})[0].n
    print(f"\nOperations page, {count:,} notifications in the table")
    print(f"  the database works {without:.2f} ms a second without a viewer, {with_one:.2f} with one")
    print(f"  one viewer costs {with_one - without:.2f} ms a second (goal: under 20)")


def _fill() -> None:
    now, dice = bootstrap.now(), bootstrap.dice(1)
    people.add([somebody(dice) for _ in range(USERS)], now=now, ring=bootstrap.ring())
    rows("UPDATE preferences SET next_due_at = NULL", {})
    rows("ALTER TABLE notifications DISABLE TRIGGER USER", {})
    rows(FILL, {"users": USERS, "count": NOTIFICATIONS, "open": OPEN, "now": now})
    rows("ALTER TABLE notifications ENABLE TRIGGER USER", {})
    rows(MOVES, {})
    rows("VACUUM ANALYZE", {})
    time.sleep(SETTLE)


def _milliseconds_a_second(act: Any) -> float:
    before, began = rows(BUSY, {})[0].milliseconds, time.monotonic()
    act()
    time.sleep(2)  # the server adds up its sessions' times once a second
    return float((rows(BUSY, {})[0].milliseconds - before) / (time.monotonic() - began))


async def _view(url: str) -> None:
    """What a browser does: log in, open the page, follow it."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        async with browser.get(f"{url}/operations/login/") as page:
            token = (await page.text()).split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        form = {"username": "bench", "password": PASSWORD, "csrfmiddlewaretoken": token}
        async with browser.post(f"{url}/operations/login/", data=form) as answer:
            if answer.status != 200 or answer.url.path != "/operations/":
                raise RuntimeError(f"log-in ended at {answer.url.path} with {answer.status}")
        events = 0
        deadline = time.monotonic() + SECONDS
        async with browser.get(f"{url}/operations/events/", timeout=aiohttp.ClientTimeout(None)) as stream:
            while time.monotonic() < deadline:
                line = await asyncio.wait_for(stream.content.readline(), 30)
                events += line.startswith(b"data:")
                if not line:
                    raise RuntimeError(f"the stream ended with {stream.status}")
        print(f"  a viewer was sent {events} changes in {SECONDS} s")
