"""The Store port on PostgreSQL: one statement a batch, its move rows in the same statement."""

from healthnotify.apps.notifications.store.building import Building
from healthnotify.apps.notifications.store.claiming import Claiming
from healthnotify.apps.notifications.store.delivery import Delivery
from healthnotify.apps.notifications.store.guarding import Guarding
from healthnotify.apps.notifications.store.planning import Planning
from healthnotify.apps.notifications.store.retrying import Retrying
from healthnotify.apps.notifications.store.road import OnTheRoad
from healthnotify.apps.notifications.store.sweeping import Sweeping


class PostgresStore(Planning, Building, OnTheRoad, Claiming, Delivery, Guarding, Retrying, Sweeping):
    """The truth. Every method raises `Unavailable` when PostgreSQL does not answer, and may then be called again."""
