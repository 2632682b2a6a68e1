"""Dead letters that expire, the marks of what is in hand, and the holds that wait for an operator."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("notifications", "0005_guards")]

    operations = [
        migrations.AddField(model_name="deadletter", name="raw_size", field=models.PositiveIntegerField(null=True)),
        migrations.AddField(model_name="deadletter", name="expired_at", field=models.DateTimeField(null=True)),
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index("at", name="dead_letters_to_expire", condition=Q(("expired_at__isnull", True))),
        ),
        migrations.CreateModel(
            name="IntakeMark",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "topic", "partition", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("topic", models.CharField(max_length=64)),
                ("partition", models.IntegerField()),
                ("first_offset", models.BigIntegerField()),
                ("end_offset", models.BigIntegerField()),
                ("deaths", models.PositiveSmallIntegerField()),
                ("owner", models.UUIDField()),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "intake_marks"},
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("topic", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
                ("why", models.CharField(max_length=200)),
            ],
            options={"db_table": "holds"},
        ),
        # Of what was buried whole the size is known; of what was cut off it is not.
        migrations.RunSQL(
            "UPDATE dead_letters SET raw_size = octet_length(raw) WHERE octet_length(raw) < 16384",
            migrations.RunSQL.noop,
        ),
        # A page of it is written again and again: room for that on the page, and no index to follow.
        migrations.RunSQL("ALTER TABLE intake_marks SET (fillfactor = 50)", migrations.RunSQL.noop),
    ]
