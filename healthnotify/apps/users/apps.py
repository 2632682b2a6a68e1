"""Django's entry for this app."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    name = "healthnotify.apps.users"
