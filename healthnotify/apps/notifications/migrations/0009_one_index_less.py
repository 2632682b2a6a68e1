"""A move writes into one index less, and a claim reads its channel's ceiling from one row.

The index of the foreign key said nothing that the one of occasions does not say: that begins with the user, too. The
ceilings' way back keeps the new function and its columns, which the code before works with as well.
"""

import django.db.models.deletion
from django.db import migrations, models

from healthnotify.apps.notifications.ceilings import MINUTES


class Migration(migrations.Migration):
    dependencies = [("notifications", "0008_fewer_indexes")]

    operations = [
        migrations.AlterField(
            model_name="notification",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="notifications",
                to="users.user",
            ),
        ),
        migrations.RunSQL(MINUTES, migrations.RunSQL.noop),
    ]
