"""What each running process last said of itself. PostgreSQL is where the pages read it: they ask no other service."""

from django.db import models


class WorkerReport(models.Model):
    """The latest report of one process; a new process has a new row, and old ones are cleared away."""

    id = models.UUIDField(primary_key=True)  # random, one a process
    worker = models.CharField(max_length=32)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    port = models.PositiveIntegerField(null=True)  # of its own /health and /metrics
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)  # it said goodbye
    progress_at = models.DateTimeField(null=True)  # when it last got something done
    alive = models.BooleanField()
    problem = models.TextField(default="")  # why it is not alive
    dependencies = models.JSONField(default=dict)  # name -> "ok" or the problem
    figures = models.JSONField(default=dict)  # lag by topic, entries by due index

    class Meta:
        db_table = "worker_reports"

    def __str__(self) -> str:
        """As the pages show it."""
        return f"{self.worker} on {self.host}, process {self.pid}"
