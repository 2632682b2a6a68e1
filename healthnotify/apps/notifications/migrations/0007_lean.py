"""A claim touches no index: what it changes is in none, and in no condition of one; its row stays on its page.

Which occasion is free again is a column now, because `attempt` stood in the condition of a unique index, and every
claim changes it. The table of moves is looked at without calling a function.
"""

from django.db import migrations, models
from django.db.models import F, Q

from healthnotify.apps.notifications.ceilings import FUNCTION
from healthnotify.apps.notifications.rules import guard_moves

MAKES_ROOM = ("superseded", "opted_out", "user_inactive")
REMEMBER = f"UPDATE notifications SET makes_room = true WHERE attempt = 0 AND reason IN {MAKES_ROOM}"


def keep_room(_apps, schema_editor):
    """On the pages that are still to be filled."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'notifications'::regclass")
        for (name,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {name} SET (fillfactor = 70)")


class Migration(migrations.Migration):
    dependencies = [("notifications", "0006_dead_letters")]

    operations = [
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="notification", name="notifications_one_an_occasion"),
        migrations.RemoveIndex(model_name="notification", name="notifications_to_expire"),
        migrations.RemoveIndex(model_name="notification", name="notifications_redriven"),
        migrations.AddField(
            model_name="notification", name="makes_room", field=models.BooleanField(db_default=False, default=False)
        ),
        migrations.RunSQL(REMEMBER, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                F("expires_at"),
                name="notifications_to_expire",
                condition=Q(("state__in", ["PLANNED", "RETRY", "STAGED"])),
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                F("updated_at"),
                name="notifications_redriven",
                condition=Q(("state", "PENDING"), ("topic__isnull", True)),
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.UniqueConstraint(
                fields=["user", "category", "local_date", "slot", "channel"],
                name="notifications_one_an_occasion",
                condition=Q(("makes_room", False)),
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.CheckConstraint(
                name="notifications_make_room_before_any_attempt",
                condition=Q(("makes_room", False), Q(("attempt", 0), ("reason__in", MAKES_ROOM)), _connector="OR"),
            ),
        ),
        migrations.RunPython(keep_room, migrations.RunPython.noop),
        migrations.RunSQL(guard_moves(), migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTION, migrations.RunSQL.noop),
    ]
