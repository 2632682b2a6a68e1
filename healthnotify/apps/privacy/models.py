"""One wrapped data key a user."""

from django.db import models

from healthnotify.apps.users.models import User


class WrappedKey(models.Model):
    """Deleting the row erases all that is sealed of that user, in backups too."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="data_key")
    wrapped = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "data_keys"
