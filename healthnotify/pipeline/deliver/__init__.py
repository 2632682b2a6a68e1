"""Send what is on the daily topic: PENDING -> COMPLETED, RETRY or CANCELLED.

Three parts in this order, each durable before the next begins: `take` claims, `send` sends, `settle` records. The send
is the one effect that cannot be taken back, so it stands between two writes.
"""

from healthnotify.pipeline.deliver.nouns import Arrival, Delivering, Held, Sent, Settled, Taken, Ways
from healthnotify.pipeline.deliver.sending import BREAKER_OPEN, NOT_CONFIGURED, TOO_LATE_TO_SEND, send
from healthnotify.pipeline.deliver.settling import settle
from healthnotify.pipeline.deliver.taking import (
    CEILING,
    CEILING_REST,
    LANE_FULL,
    LANE_REST,
    STOP_REST,
    STOPPED,
    UNKNOWN_ID,
    put_off,
    take,
)

__all__ = [
    "BREAKER_OPEN",
    "CEILING",
    "CEILING_REST",
    "LANE_FULL",
    "LANE_REST",
    "NOT_CONFIGURED",
    "STOPPED",
    "STOP_REST",
    "TOO_LATE_TO_SEND",
    "UNKNOWN_ID",
    "Arrival",
    "Delivering",
    "Held",
    "Sent",
    "Settled",
    "Taken",
    "Ways",
    "put_off",
    "send",
    "settle",
    "take",
]
