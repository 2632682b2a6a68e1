"""The ledger: notifications, their moves (append-only) and dead letters."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from healthnotify.apps.users.models import User
from healthnotify.domain.lifecycle import OPEN, State
from healthnotify.domain.model import MAKES_ROOM, Category, Channel, Goal


class Notification(models.Model):
    """One message to one user in one slot."""

    id = models.UUIDField(primary_key=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="notifications")
    category = models.CharField(max_length=16)
    channel = models.CharField(max_length=16)
    goal = models.CharField(max_length=32, null=True)  # null: asked for with a text of its own

    # the schedule's decision
    local_date = models.DateField()
    slot = models.PositiveSmallIntegerField(null=True)  # null: asked for ad hoc, so it is for no occasion
    revision = models.PositiveIntegerField(default=0)  # of the preference that it was planned from
    timezone = models.CharField(max_length=64)
    wall_clock = models.CharField(max_length=32)  # naive on purpose: Django has no field for a time without a zone
    send_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    shift = models.CharField(max_length=16, null=True)
    tzdata = models.CharField(max_length=16)

    # where it stands
    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=64, null=True)
    updated_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    # who asked for it, and with what, when it is for no occasion
    asked_by = models.CharField(max_length=80, null=True)
    template = models.CharField(max_length=64, null=True)
    given_sealed = models.TextField(null=True)

    # what it says
    message_sealed = models.TextField(null=True)
    message_sha256 = models.CharField(max_length=64, null=True)
    provenance = models.JSONField(null=True)
    build_lease_until = models.DateTimeField(null=True)

    # its tries
    attempt = models.PositiveIntegerField(default=0)
    uncounted = models.PositiveIntegerField(default=0)  # attempts that used no try: deferrals, and all before a redrive
    claim_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    failure = models.JSONField(null=True)  # of the last attempt, definite
    next_attempt_at = models.DateTimeField(null=True)
    accepted_by = ArrayField(models.UUIDField(), default=list)  # claim ids of all acceptances: more than one is a copy
    receipt = models.CharField(max_length=255, null=True)
    late_success_at = models.DateTimeField(null=True)

    # where its last record lies
    topic = models.CharField(max_length=64, null=True)
    partition = models.IntegerField(null=True)
    offset = models.BigIntegerField(null=True)

    class Meta:
        db_table = "notifications"
        constraints = [
            # What a change of preferences has cancelled before any attempt makes room, and nothing else does.
            models.UniqueConstraint(
                fields=["user", "category", "local_date", "slot", "channel"],
                name="notifications_one_an_occasion",
                condition=Q(reason__isnull=True) | ~Q(reason__in=MAKES_ROOM) | Q(attempt__gt=0),
            ),
            models.CheckConstraint(name="notifications_state", condition=Q(state__in=list(State))),
            models.CheckConstraint(name="notifications_category", condition=Q(category__in=list(Category))),
            models.CheckConstraint(name="notifications_channel", condition=Q(channel__in=list(Channel))),
            models.CheckConstraint(name="notifications_goal", condition=Q(goal__in=list(Goal))),
            models.CheckConstraint(
                name="notifications_have_a_slot_or_were_asked_for",
                condition=Q(slot__isnull=False, goal__isnull=False) | Q(slot__isnull=True, asked_by__isnull=False),
            ),
            models.CheckConstraint(
                name="notifications_have_text_when_staged",
                condition=Q(state__in=[State.PLANNED, State.CANCELLED]) | Q(message_sha256__isnull=False),
            ),
            models.CheckConstraint(
                name="notifications_completed_means_accepted",
                condition=~Q(state=State.COMPLETED) | Q(accepted_by__len__gte=1),
            ),
            models.CheckConstraint(
                name="notifications_given_up_with_a_reason",
                condition=~Q(state__in=[State.FAILED, State.CANCELLED]) | Q(reason__isnull=False),
            ),
        ]
        indexes = [
            models.Index("send_at", name="notifications_to_build", condition=Q(state=State.PLANNED)),
            models.Index(  # few among many: whose words were given must not be looked for among all that is planned
                "send_at", name="notifications_asked_for", condition=Q(state=State.PLANNED, slot__isnull=True)
            ),
            models.Index("send_at", name="notifications_to_publish", condition=Q(state=State.STAGED)),
            models.Index(
                "next_attempt_at",
                name="notifications_to_retry",
                condition=Q(state=State.RETRY, next_attempt_at__isnull=False),
            ),
            models.Index(
                "updated_at",
                name="notifications_on_the_road",
                condition=Q(state=State.PENDING) | Q(state=State.RETRY, next_attempt_at__isnull=True),
            ),
            models.Index("expires_at", name="notifications_to_expire", condition=Q(state__in=sorted(OPEN))),
            models.Index("user", "ended_at", name="notifications_sent_lately", condition=Q(state=State.COMPLETED)),
            models.Index("local_date", "state", name="notifications_of_a_day"),
            models.Index("send_at", "id", name="notifications_in_order"),
            models.Index("user", "send_at", name="notifications_of_a_user"),
            models.Index("ended_at", name="notifications_given_up", condition=Q(state=State.FAILED)),
            models.Index(
                "updated_at",
                name="notifications_redriven",
                condition=Q(state=State.PENDING, topic__isnull=True, claim_id__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        """As the pages show it."""
        return str(self.id)


class Move(models.Model):
    """One change of state. Rows are only ever added; the database refuses everything else."""

    notification = models.ForeignKey(
        Notification, on_delete=models.DO_NOTHING, db_constraint=False, related_name="moves"
    )
    at = models.DateTimeField()
    event = models.CharField(max_length=16)
    before = models.CharField(max_length=16, null=True)
    after = models.CharField(max_length=16)
    attempt = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=64, null=True)
    due_at = models.DateTimeField(null=True)  # SCHEDULED only: when the next attempt is to be made
    actor = models.CharField(max_length=80, null=True)  # who caused it, when it was a person or a key

    class Meta:
        db_table = "moves"
        indexes = [models.Index("at", name="moves_lately")]


class DeadLetter(models.Model):
    """A record given up: of a notification, or bytes that are not ours with their place."""

    notification_id = models.UUIDField(null=True, db_index=True)
    at = models.DateTimeField()
    reason = models.CharField(max_length=64)
    detail = models.TextField(blank=True, default="")
    attempt = models.PositiveIntegerField(default=0)
    topic = models.CharField(max_length=64, null=True)
    partition = models.IntegerField(null=True)
    offset = models.BigIntegerField(null=True)
    raw = models.BinaryField(null=True)  # at most 16 KiB of what was not ours
    raw_sha256 = models.CharField(max_length=64, null=True)

    class Meta:
        db_table = "dead_letters"
        constraints = [
            # A record that is read twice is buried once.
            models.UniqueConstraint(
                "topic", "partition", "offset", name="dead_letters_one_a_place", condition=Q(raw__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        """As the pages show it."""
        return f"of {self.notification_id}" if self.notification_id else f"{self.topic}:{self.partition}:{self.offset}"
