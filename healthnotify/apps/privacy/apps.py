"""Django's entry for this app."""

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "healthnotify.apps.privacy"
