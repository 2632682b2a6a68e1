"""Nobody changes the audit trail, not even through the database."""

from django.db import migrations

from healthnotify.apps.append_only import append_only, changeable


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial")]

    operations = [migrations.RunSQL(append_only("audit"), changeable("audit"))]
