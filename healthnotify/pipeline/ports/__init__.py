"""What the verbs need from the world. Every port has a twin in `adapters/memory/` that passes the same contract.

Calls take and answer batches. A service that does not answer raises `Unavailable`, and then nothing is known to have
happened; every call may therefore be made again. Instants are aware and in UTC.
"""

from healthnotify.pipeline.ports.outside import (
    Breakers,
    ChannelPort,
    Inspected,
    Intake,
    Limiter,
    Looked,
    NotWritten,
    Road,
    Staging,
    Writer,
)
from healthnotify.pipeline.ports.safeguards import CrashLog, Hold, Holds, Span
from healthnotify.pipeline.ports.store import (
    Announced,
    BuildingStore,
    DeliveryStore,
    DueIndex,
    Plan,
    PlanningStore,
    RetryStore,
    RoadStore,
    Still,
    Store,
    SweepStore,
    Topic,
)

__all__ = [
    "Announced",
    "Breakers",
    "BuildingStore",
    "ChannelPort",
    "CrashLog",
    "DeliveryStore",
    "DueIndex",
    "Hold",
    "Holds",
    "Inspected",
    "Intake",
    "Limiter",
    "Looked",
    "NotWritten",
    "Plan",
    "PlanningStore",
    "RetryStore",
    "Road",
    "RoadStore",
    "Span",
    "Staging",
    "Still",
    "Store",
    "SweepStore",
    "Topic",
    "Writer",
]
