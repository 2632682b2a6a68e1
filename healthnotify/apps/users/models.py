"""Users, their addresses, goals and preferences. What tells who somebody is stands there sealed."""

from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from healthnotify.domain.model import Category, Channel, Goal


def _choices(kinds: type[Channel] | type[Category] | type[Goal]) -> list[tuple[str, str]]:
    return [(kind.value, kind.value.replace("_", " ")) for kind in kinds]


class User(models.Model):
    """Somebody who receives notifications."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    external_id = models.CharField(max_length=64, unique=True)
    name_sealed = models.TextField()
    locale = models.CharField(max_length=16, default="en")
    timezone = models.CharField(max_length=64)
    timezone_source = models.CharField(max_length=16, default="given")
    quiet_start = models.TimeField(null=True)
    quiet_end = models.TimeField(null=True)
    active = models.BooleanField(default=True)
    erased_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "users"
        constraints = [
            models.CheckConstraint(
                name="users_quiet_hours_are_a_window",
                condition=Q(quiet_start__isnull=True, quiet_end__isnull=True)
                | (Q(quiet_start__isnull=False, quiet_end__isnull=False) & ~Q(quiet_start=models.F("quiet_end"))),
            )
        ]

    def __str__(self) -> str:
        """As the pages show it."""
        return self.external_id


class Address(models.Model):
    """Where one channel reaches a user."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="addresses")
    channel = models.CharField(max_length=16, choices=_choices(Channel))
    address_sealed = models.TextField()
    address_index = models.CharField(max_length=96, db_index=True)
    verified = models.BooleanField(default=False)

    class Meta:
        db_table = "addresses"
        verbose_name_plural = "addresses"
        constraints = [
            models.UniqueConstraint("user", "channel", name="addresses_one_a_channel"),
            models.CheckConstraint(name="addresses_channel", condition=Q(channel__in=list(Channel))),
        ]

    def __str__(self) -> str:
        """As the pages show it."""
        return self.channel


class UserGoal(models.Model):
    """What a user works on, and how far they are."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="goals")
    code = models.CharField(max_length=32, choices=_choices(Goal))
    target = models.PositiveIntegerField(default=0)
    progress = models.PositiveIntegerField(default=0)
    streak = models.PositiveIntegerField(default=0)
    notes_sealed = models.TextField(blank=True, default="")

    class Meta:
        db_table = "goals"
        verbose_name = "goal"
        constraints = [
            models.UniqueConstraint("user", "code", name="goals_one_a_code"),
            models.CheckConstraint(name="goals_code", condition=Q(code__in=list(Goal))),
        ]

    def __str__(self) -> str:
        """As the pages show it."""
        return self.code.replace("_", " ")


class Preference(models.Model):
    """What a user wants in one category. `next_due_at` is what the planner scans; null means never."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="preferences")
    category = models.CharField(max_length=16, choices=_choices(Category))
    channel = models.CharField(max_length=16, choices=_choices(Channel))
    enabled = models.BooleanField(default=True)
    times = ArrayField(models.TimeField(), size=6)
    days = ArrayField(models.SmallIntegerField(), size=7)
    every = models.PositiveSmallIntegerField(default=1)
    anchor = models.DateField()
    revision = models.PositiveIntegerField(default=0)  # goes up with each change that what is planned depends on
    planned_until = models.DateTimeField()
    next_due_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "preferences"
        constraints = [
            models.UniqueConstraint("user", "category", "channel", name="preferences_one_a_category_and_channel"),
            models.CheckConstraint(name="preferences_category", condition=Q(category__in=list(Category))),
            models.CheckConstraint(name="preferences_channel", condition=Q(channel__in=list(Channel))),
            models.CheckConstraint(
                name="preferences_have_a_time", condition=Q(times__len__gte=1, days__len__gte=1, every__gte=1)
            ),
        ]
        indexes = [
            models.Index("next_due_at", name="preferences_due", condition=Q(next_due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        """As the pages show it."""
        return f"{self.category} by {self.channel}"
