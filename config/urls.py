"""Every address of the web process."""

from django.urls import include, path

urlpatterns = [
    path("api/", include("healthnotify.apps.api.urls")),
    path("operations/", include("healthnotify.apps.operations.urls")),
    path("p/", include("healthnotify.apps.users.urls")),
    path("admin/", include("healthnotify.apps.operations.admin_urls")),
    path("", include("healthnotify.web.urls")),
]
