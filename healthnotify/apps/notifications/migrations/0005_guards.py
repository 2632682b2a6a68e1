"""Stops that an operator sets, and the ceilings that PostgreSQL enforces."""

from django.db import migrations, models
from django.db.models import F, Q

from healthnotify.apps.notifications.ceilings import enforced, lifted


class Migration(migrations.Migration):
    dependencies = [("notifications", "0004_partitions")]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="takeovers",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name="Stop",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("channel", models.CharField(blank=True, max_length=16, null=True)),
                ("category", models.CharField(blank=True, max_length=16, null=True)),
                ("since", models.DateTimeField()),
                ("actor", models.CharField(max_length=80)),
                ("reason", models.CharField(max_length=200)),
            ],
            options={
                "db_table": "stops",
                "constraints": [
                    models.UniqueConstraint(
                        F("channel"), F("category"), name="stops_one_of_a_kind", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        name="stops_of_a_channel_or_a_category",
                        condition=Q(("channel__isnull", True), ("category__isnull", True), _connector="OR"),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Ceiling",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("most", models.PositiveIntegerField()),
            ],
            options={"db_table": "ceilings"},
        ),
        migrations.RunSQL(enforced(), lifted()),
    ]
