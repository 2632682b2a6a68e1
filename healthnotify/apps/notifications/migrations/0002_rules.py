"""The table of moves and the append-only history, enforced by the database."""

from django.db import migrations

from healthnotify.apps.append_only import append_only, changeable
from healthnotify.apps.notifications.rules import guard_moves


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]

    operations = [
        migrations.RunSQL(guard_moves(), "DROP FUNCTION notifications_guard_moves CASCADE"),
        migrations.RunSQL(append_only("moves"), changeable("moves")),
    ]
