"""Addresses of what the system knows by itself."""

from django.urls import path

from healthnotify.apps.api.reference import EvidenceOfDay, Goals, Templates

urlpatterns = [
    path("goals", Goals.as_view(), name="goals"),
    path("templates", Templates.as_view(), name="templates"),
    path("evidence", EvidenceOfDay.as_view(), name="evidence"),
]
