"""Addresses of notifications and dead letters."""

from django.urls import path

from healthnotify.apps.api import dead_letters, notifications

urlpatterns = [
    path("notifications", notifications.Notifications.as_view(), name="notifications"),
    path("notifications/<uuid:notification_id>", notifications.OneNotification.as_view(), name="notification"),
    path(
        "notifications/<uuid:notification_id>/message", notifications.OneMessage.as_view(), name="notification-message"
    ),
    path(
        "notifications/<uuid:notification_id>/cancel", notifications.Cancellation.as_view(), name="notification-cancel"
    ),
    path("dead-letters", dead_letters.DeadLetters.as_view(), name="dead-letters"),
    path("dead-letters/redrive", dead_letters.Redrives.as_view(), name="dead-letters-redrive"),
]
