"""A move writes into fewer indexes.

A user's notifications are found by the one that keeps them one an occasion; moves, which come in the order of their
instants, need no more than their ranges.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models
from django.db.models import Case, F, When


class Migration(migrations.Migration):
    dependencies = [("notifications", "0007_lean")]

    operations = [
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="notification", name="notifications_one_an_occasion"),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.UniqueConstraint(
                "user",
                "category",
                "local_date",
                Case(When(makes_room=False, then="slot")),
                "channel",
                name="notifications_one_an_occasion",
            ),
        ),
        migrations.RemoveIndex(model_name="notification", name="notifications_of_a_user"),
        migrations.RemoveIndex(model_name="move", name="moves_lately"),
        migrations.AddIndex(model_name="move", index=BrinIndex(F("at"), name="moves_lately", autosummarize=True)),
    ]
