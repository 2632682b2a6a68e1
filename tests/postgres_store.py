"""The PostgreSQL store with the switches that its twin has for tests."""

from django.db.models import F

from healthnotify.apps.notifications import stopping
from healthnotify.apps.notifications.asking import write_down
from healthnotify.apps.notifications.dead_letters import expire, letters
from healthnotify.apps.notifications.models import Notification
from healthnotify.apps.notifications.redrive import Chosen, redrive
from healthnotify.apps.notifications.store import PostgresStore
from healthnotify.apps.privacy import keyring
from healthnotify.apps.privacy.models import WrappedKey
from healthnotify.apps.users import people
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from tests.builders import NOON

RING = keyring.parse(keyring.new_key("test"))


class TestedPostgres(PostgresStore):
    """`add` enters people; the rest looks at, or changes, what no port shows."""

    __test__ = False

    def __init__(self):
        super().__init__(RING)

    def add(self, some, now):
        return people.add(some, now=now, ring=RING)

    def ask(self, wanted, at):
        key = RING.unwrap(wanted.plan.user_id, WrappedKey.objects.get(user_id=wanted.plan.user_id).wrapped)
        return write_down(wanted, key, at)

    def redrive(self, ids, *, at, accept_duplicates=False):
        chosen = Chosen(ids=tuple(ids))
        return redrive(chosen, actor="operator:test", at=at, dry_run=False, accept_duplicates=accept_duplicates)

    def expire_letters(self, before):
        expire(before, by="command", at=before)

    def state(self, key):
        return Notification.objects.get(id=key).state

    def letters_of(self, key):
        return [one["reason"] for one in letters(key)]

    def deactivate(self, user_id):
        User.objects.filter(id=user_id).update(active=False)

    def erase(self, user_id):
        User.objects.get(id=user_id).data_key.delete()

    def forget_addresses(self, user_id):
        Address.objects.filter(user_id=user_id).delete()

    def user_ids(self):
        return list(User.objects.order_by("created_at").values_list("id", flat=True))

    def forget_goals(self, user_id):
        UserGoal.objects.filter(user_id=user_id).delete()

    def revise(self, user_id, next_due_at):
        """As a change of a preference does, but for what it supersedes."""
        Preference.objects.filter(user_id=user_id).update(revision=F("revision") + 1, next_due_at=next_due_at)

    def opt_out(self, user_id):
        Preference.objects.filter(user_id=user_id).update(enabled=False)

    def stop(self, one):
        stopping.stop(one, reason="a test", actor="operator:test", at=NOON)

    def resume(self, one):
        stopping.resume(one, actor="operator:test", at=NOON)
