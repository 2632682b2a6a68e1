"""What looking for work costs at 10 thousand, a million and (with --all) ten million users, while 500 things are due.

The plans go to docs/performance/plans.md. Afterwards: how long it takes to rebuild Redis for a million that are open.
"""

import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import uuid4

from redis import Redis

from bench import staging
from bench.turns import Disturbed
from healthnotify import bootstrap
from healthnotify.adapters.staging import keys
from healthnotify.apps.database import rows
from healthnotify.apps.notifications.store import PostgresStore, planning, road, sweeping
from healthnotify.embedded.stack import Stack
from healthnotify.given import secret
from healthnotify.pipeline.ports import DueIndex
from healthnotify.pipeline.sweep import rebuild

SIZES: Final = (10_000, 1_000_000)
LARGEST: Final = 10_000_000
DUE: Final = 500
TURNS: Final = 21
OPEN: Final = 1_000_000
INTRODUCTION: Final = "Written by `make bench`. Each looks at what is due, by an index, and at no more."
PLANS: Final = Path("docs/performance/plans.md")
NOTHING_STOPPED: Final[dict[str, list[str]]] = {"channels": [], "categories": []}
HIDE: Final = timedelta(seconds=30)

USERS: Final = """
    INSERT INTO users (id, external_id, name_sealed, locale, timezone, timezone_source, active, created_at, updated_at)
    SELECT gen_random_uuid(), 'scan-' || n, '', 'en', 'Etc/UTC', 'given', true, %(now)s, %(now)s
    FROM generate_series(1, %(count)s) AS n
"""
GOALS: Final = """
    INSERT INTO goals (user_id, code, target, progress, streak, notes_sealed)
    SELECT id, 'walk_more', 8000, 0, 0, '' FROM users
"""
#: All but those that are due now come up in the course of the next day.
PREFERENCES: Final = """
    INSERT INTO preferences (id, user_id, category, channel, enabled, times, days, every, anchor, revision,
                             planned_until, next_due_at)
    SELECT gen_random_uuid(), id, 'nudge', 'email', true, ARRAY['08:00'::time], ARRAY[0,1,2,3,4,5,6], 1,
           '2026-01-01', 0,
           %(now)s::timestamptz - interval '1 day',
           %(now)s::timestamptz + CASE WHEN n <= %(due)s THEN interval '-1 minute'
                                       ELSE interval '1 hour' + n * interval '1 day' / %(count)s END
    FROM (SELECT id, row_number() OVER () AS n FROM users) AS u
"""
#: One a user: 500 are due and 500 stand still on the road; of the others nine in ten have ended, one waits.
NOTIFICATIONS: Final = """
    INSERT INTO notifications (id, user_id, category, channel, goal, local_date, slot, revision, timezone, wall_clock,
        send_at, expires_at, tzdata, state, updated_at, ended_at, attempt, uncounted, accepted_by, message_sealed,
        message_sha256)
    SELECT gen_random_uuid(), u.id, 'nudge', 'email', 'walk_more', (t.at AT TIME ZONE 'UTC')::date, 1, 0, 'Etc/UTC', '',
           t.at, t.at + interval '4 hours', '2026', t.state, t.at, CASE t.state WHEN 'COMPLETED' THEN t.at END, 0, 0,
           CASE t.state WHEN 'COMPLETED' THEN ARRAY[u.id] ELSE '{}' END, repeat('x', 300), repeat('0', 64)
    FROM (SELECT id, row_number() OVER () AS n FROM users) AS u,
         LATERAL (SELECT CASE WHEN n <= %(due)s THEN 'STAGED' WHEN n <= 2 * %(due)s THEN 'PENDING'
                              WHEN n %% 10 = 0 THEN 'STAGED' ELSE 'COMPLETED' END AS state) AS s,
         LATERAL (SELECT s.state,
                         %(now)s::timestamptz + CASE WHEN n <= 2 * %(due)s THEN interval '-10 minutes'
                              WHEN s.state = 'STAGED' THEN interval '1 hour' + n * interval '1 day' / %(count)s
                              ELSE interval '-1 day' * (1 + n %% 28) END AS at) AS t
"""
TABLES: Final = ("preferences", "notifications")


def run(stack: Stack, _: Path) -> None:
    """Print milliseconds a scan, write the plans. Raises `Disturbed` when a plan reads a whole table."""
    sizes = [*SIZES, LARGEST] if "--all" in sys.argv else SIZES
    print(f"\nLooking for work, {DUE} things due, milliseconds a look (medians of {TURNS})")
    told = ["# Plans of the scans", "", INTRODUCTION]
    for size in sizes:
        times, plans = _at(size, bootstrap.now())
        print(f"  {size:>10,} users: " + "  ".join(f"{name} {value:.2f}" for name, value in times.items()))
        for name, text in plans.items():
            told += ["", f"## {name}, {size:,} users", "", "```", text, "```"]
    PLANS.parent.mkdir(parents=True, exist_ok=True)
    PLANS.write_text("\n".join(told) + "\n", encoding="utf-8")
    _rebuild(OPEN)
    _empty()


def _at(size: int, now: datetime) -> tuple[dict[str, float], dict[str, str]]:
    _fill(size, now)
    times, plans = {}, {}
    for name, statement, parameters in _statements(now):
        times[name] = _milliseconds(lambda s=statement, p=parameters: rows(s, p))  # type: ignore[misc]
        plans[name] = _plan(statement, parameters)
    times["producer (Redis)"] = _from_redis(size // 10, now)
    return times, plans


def _statements(now: datetime) -> Iterator[tuple[str, str, dict[str, Any]]]:
    late = now - timedelta(minutes=2)
    yield "planner", planning.DUE_PREFERENCES, {"until": now, "limit": DUE}
    yield "producer (PostgreSQL)", road.DUE_NOW[DueIndex.DAILY], {"now": now, "limit": DUE, **NOTHING_STOPPED}
    yield "sweeper, overdue", sweeping.OVERDUE[DueIndex.DAILY], {"before": late, "limit": DUE}
    yield "sweeper, still", sweeping.STILL, {"before": late, "limit": DUE}
    yield "sweeper, redriven", sweeping.REDRIVEN, {"limit": DUE}


def _fill(size: int, now: datetime) -> None:
    _empty()
    filled = {"now": now, "count": size, "due": DUE}
    rows(USERS, {"now": now, "count": size})
    rows(GOALS, {})
    rows(PREFERENCES, filled)
    rows("ALTER TABLE notifications DISABLE TRIGGER USER", {})
    rows(NOTIFICATIONS, filled)
    rows("ALTER TABLE notifications ENABLE TRIGGER USER", {})
    rows("VACUUM ANALYZE", {})


def _empty() -> None:
    staging.forget()
    rows("TRUNCATE users CASCADE", {})
    Redis.from_url(secret("redis_url") or "").flushdb()


def _plan(statement: str, parameters: dict[str, Any]) -> str:
    text = "\n".join(row[0] for row in rows(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters))
    if whole := [line.strip() for line in text.splitlines() if reads_all(line)]:
        raise Disturbed(f"a scan reads a whole table: {whole[0]}\n{text}")
    return text


def reads_all(line: str) -> bool:
    """Whether that line of a plan reads a table whose size is that of the system, or a partition that is not empty."""
    found = re.search(r"Seq Scan on (\w+)", line)
    return found is not None and found[1].startswith(TABLES) and "cost=0.00..0.0" not in line


def _milliseconds(act: Callable[[], object]) -> float:
    found = []
    for _ in range(TURNS):
        began = time.perf_counter()
        act()
        found.append((time.perf_counter() - began) * 1000)
    return median(found)


def _from_redis(size: int, now: datetime) -> float:
    """So many wait in the index, of which so many are due; what a look has taken is put back for the next."""
    cache = bootstrap.staging()
    plain = Redis.from_url(secret("redis_url") or "")
    index = keys.DUE[DueIndex.DAILY]
    later = int((now + timedelta(hours=1)).timestamp() * 1000)
    for start in range(0, size, 10_000):
        plain.zadd(index, {str(uuid4()): later for _ in range(start, min(start + 10_000, size))})
    entries = PostgresStore(bootstrap.ring()).overdue(DueIndex.DAILY, now, DUE)
    times = []
    for _ in range(TURNS):
        plain.zrem(index, *(str(entry.id) for entry in entries))
        plain.delete(*(f"{keys.ENTRY}{entry.id}" for entry in entries))
        cache.put(entries)
        cache.warm()
        began = time.perf_counter()
        if len(cache.due(DueIndex.DAILY, now, DUE, HIDE) or ()) != DUE:
            raise Disturbed("Redis did not have what is due")
        times.append((time.perf_counter() - began) * 1000)
    cache.close()
    return median(times)


def _rebuild(count: int) -> None:
    """Everything that is open, from PostgreSQL into an empty Redis."""
    some = staging.readers(10_000)
    staging.stage(count, some)
    plain = Redis.from_url(secret("redis_url") or "")
    plain.flushdb()
    cache = bootstrap.staging()
    began = time.perf_counter()
    found = rebuild(PostgresStore(bootstrap.ring()), cache)
    took = time.perf_counter() - began
    if found != count:
        raise Disturbed(f"{found} of {count} were put back")
    used = int(plain.info("memory")["used_memory"])  # type: ignore[index]
    print(f"Redis rebuilt for {count:,} open notifications in {took:.0f} s; {used / count:,.0f} bytes each")
    cache.close()
