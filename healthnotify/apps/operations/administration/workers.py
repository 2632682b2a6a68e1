"""What each process last said of itself."""

from django.contrib import admin

from healthnotify.apps.access.scopes import Scope
from healthnotify.apps.operations.administration.pages import Page
from healthnotify.apps.operations.administration.site import site
from healthnotify.apps.operations.models import WorkerReport


@admin.register(WorkerReport, site=site)
class WorkerReportPage(Page):
    """The latest report of one process."""

    group, icon = "Notifications", "monitor_heart"
    purpose = "What each running process last said of itself."
    viewing = Scope.NOTIFICATIONS_READ

    list_display = ("worker", "host", "pid", "alive", "started_at", "seen_at", "progress_at", "ended_at")
    ordering = ("-seen_at",)
    sortable_by = ()
    fields = (
        "worker",
        "host",
        "pid",
        "port",
        "alive",
        "started_at",
        "seen_at",
        "progress_at",
        "ended_at",
        "dependencies",
        "figures",
    )
