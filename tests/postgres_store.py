"""The PostgreSQL store with the switches that its twin has for tests."""

from healthnotify.apps.notifications.models import Notification
from healthnotify.apps.notifications.store import PostgresStore
from healthnotify.apps.privacy import keyring
from healthnotify.apps.users import people
from healthnotify.apps.users.models import Preference, User

RING = keyring.parse(keyring.new_key("test"))


class TestedPostgres(PostgresStore):
    """`add` enters people; the rest looks at, or changes, what no port shows."""

    __test__ = False

    def __init__(self):
        super().__init__(RING)

    def add(self, some, now):
        return people.add(some, now=now, ring=RING)

    def state(self, key):
        return Notification.objects.get(id=key).state

    def deactivate(self, user_id):
        User.objects.filter(id=user_id).update(active=False)

    def erase(self, user_id):
        User.objects.get(id=user_id).data_key.delete()

    def opt_out(self, user_id):
        Preference.objects.filter(user_id=user_id).update(enabled=False)
