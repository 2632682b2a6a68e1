"""Django's entry for this app."""

import logging

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "healthnotify.apps.access"

    def ready(self) -> None:
        """What people type as their name may be their password, and django-axes logs it; our audit trail does not."""
        logging.getLogger("axes").setLevel(logging.ERROR)
