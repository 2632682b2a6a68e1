"""The cache may fail at any time, and no verb stops for it."""

from collections.abc import Sequence

from healthnotify.domain.delivery import Step
from healthnotify.domain.errors import Unavailable
from healthnotify.domain.model import Entry
from healthnotify.pipeline.ports import Staging


def follow(staging: Staging, steps: Sequence[Step]) -> None:
    """Tell the cache what PostgreSQL has recorded. What it misses is mended by the sweeper's rebuild."""
    try:
        staging.follow(steps)
    except Unavailable:
        return


def put(staging: Staging, entries: Sequence[Entry]) -> None:
    """Cache and index what was staged. What it misses is found by the sweeper, from PostgreSQL."""
    try:
        staging.put(entries)
    except Unavailable:
        return
