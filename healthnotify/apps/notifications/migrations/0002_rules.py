"""The table of moves and the append-only history, enforced by the database."""

from django.db import migrations

from healthnotify.apps.notifications.rules import APPEND_ONLY, guard_moves


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]

    operations = [
        migrations.RunSQL(guard_moves(), "DROP FUNCTION notifications_guard_moves CASCADE"),
        migrations.RunSQL(APPEND_ONLY, "DROP FUNCTION moves_append_only CASCADE"),
    ]
