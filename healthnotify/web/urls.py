"""Every address of the web process itself."""

from django.urls import path
from django.views.generic import RedirectView

from healthnotify.web import health

urlpatterns = [
    path("", RedirectView.as_view(url="/operations/"), name="start"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", health.exposition, name="metrics"),
]
