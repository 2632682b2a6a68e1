"""The ledger: notifications, their moves (append-only) and dead letters."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Case, Q, When

from healthnotify.apps.users.models import User
from healthnotify.domain.lifecycle import OPEN, State
from healthnotify.domain.model import MAKES_ROOM, Category, Channel, Goal


class Notification(models.Model):
    """One message to one user in one slot. The table has a partition a month, so its key is id and local date; an id
    has one local date, and is unique by itself."""

    id = models.UUIDField(primary_key=True, editable=False)
    user = models.ForeignKey(  # `notifications_one_an_occasion` begins with it and finds a user's
        User, on_delete=models.PROTECT, related_name="notifications", db_index=False
    )
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
    makes_room = models.BooleanField(default=False, db_default=False)  # cancelled by a change, before any attempt

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
    takeovers = models.PositiveSmallIntegerField(default=0, db_default=0)  # holders of this attempt that left it open
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
            # What a change of preferences has cancelled before any attempt makes room, and nothing else does. It is how
            # a user's notifications are found, too: an index more would cost each of their moves.
            models.UniqueConstraint(
                "user",
                "category",
                "local_date",
                Case(When(makes_room=False, then="slot")),
                "channel",
                name="notifications_one_an_occasion",
            ),
            models.CheckConstraint(
                name="notifications_make_room_before_any_attempt",
                condition=Q(makes_room=False) | Q(reason__in=MAKES_ROOM, attempt=0),
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
            models.Index(
                "expires_at", name="notifications_to_expire", condition=Q(state__in=sorted(OPEN - {State.PENDING}))
            ),
            models.Index("user", "ended_at", name="notifications_sent_lately", condition=Q(state=State.COMPLETED)),
            BrinIndex("local_date", name="notifications_of_a_day", autosummarize=True),  # costs a move nothing
            models.Index("send_at", "id", name="notifications_in_order"),
            models.Index("ended_at", name="notifications_given_up", condition=Q(state=State.FAILED)),
            models.Index(
                "updated_at",
                name="notifications_redriven",
                condition=Q(state=State.PENDING, topic__isnull=True),
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
    local_date = models.DateField()  # of its notification: the two are kept, and dropped, together
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
        indexes = [BrinIndex("at", name="moves_lately", autosummarize=True)]  # they come in this order


class EvidenceSum(models.Model):
    """What is left of the notifications of a day that was dropped: how many ended in one way over one channel."""

    local_date = models.DateField()
    channel = models.CharField(max_length=16, blank=True)  # empty: moves of a notification that was not there
    state = models.CharField(max_length=16, blank=True)
    reason = models.CharField(max_length=64, blank=True)
    notifications = models.PositiveIntegerField()
    by_template = models.PositiveIntegerField()
    duplicates = models.PositiveIntegerField()
    unaccounted = models.PositiveIntegerField()
    possible_copies = models.PositiveIntegerField()
    dropped_at = models.DateTimeField()

    class Meta:
        db_table = "evidence_sums"
        indexes = [models.Index("local_date", name="evidence_sums_of_a_day")]

    def __str__(self) -> str:
        """As the pages show it."""
        return f"{self.local_date}: {self.notifications} {self.channel} {self.state} {self.reason}"


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
    raw_size = models.PositiveIntegerField(null=True)  # bytes, of all of it
    expired_at = models.DateTimeField(null=True)  # it is kept only as the proof that its notification was buried

    class Meta:
        db_table = "dead_letters"
        constraints = [
            # A record that is read twice is buried once.
            models.UniqueConstraint(
                "topic", "partition", "offset", name="dead_letters_one_a_place", condition=Q(raw__isnull=False)
            ),
        ]
        indexes = [models.Index("at", name="dead_letters_to_expire", condition=Q(expired_at__isnull=True))]

    def __str__(self) -> str:
        """As the pages show it."""
        return f"of {self.notification_id}" if self.notification_id else f"{self.topic}:{self.partition}:{self.offset}"


class Stop(models.Model):
    """What an operator has stopped: a channel, a category, or, without either, everything."""

    channel = models.CharField(max_length=16, null=True, blank=True)
    category = models.CharField(max_length=16, null=True, blank=True)
    since = models.DateTimeField()
    actor = models.CharField(max_length=80)
    reason = models.CharField(max_length=200)

    class Meta:
        db_table = "stops"
        constraints = [
            models.UniqueConstraint("channel", "category", name="stops_one_of_a_kind", nulls_distinct=False),
            models.CheckConstraint(
                name="stops_of_a_channel_or_a_category", condition=Q(channel__isnull=True) | Q(category__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        """As the pages show it."""
        return self.channel or self.category or "everything"


class Ceiling(models.Model):
    """The most sends of one kind; PostgreSQL's own trigger enforces it (`ceilings`)."""

    name = models.CharField(primary_key=True, max_length=32)
    most = models.PositiveIntegerField()

    class Meta:
        db_table = "ceilings"

    def __str__(self) -> str:
        """As the pages show it."""
        return f"{self.name}: {self.most}"


class IntakeMark(models.Model):
    """What a process has in hand of a partition. A mark that nobody put down is the trace of a death."""

    pk = models.CompositePrimaryKey("topic", "partition")
    topic = models.CharField(max_length=64)
    partition = models.IntegerField()
    first_offset = models.BigIntegerField()
    end_offset = models.BigIntegerField()  # the one after the last
    deaths = models.PositiveSmallIntegerField()  # of processes that had exactly these in hand
    owner = models.UUIDField()  # random, one a process
    at = models.DateTimeField()

    class Meta:
        db_table = "intake_marks"

    def __str__(self) -> str:
        """As a debugger shows it."""
        return f"{self.topic}:{self.partition}:{self.first_offset}-{self.end_offset}"


class Hold(models.Model):
    """Nobody consumes this topic, because dead letters poured, until an operator says go."""

    topic = models.CharField(primary_key=True, max_length=64)
    since = models.DateTimeField()
    why = models.CharField(max_length=200)

    class Meta:
        db_table = "holds"

    def __str__(self) -> str:
        """As the pages show it."""
        return f"{self.topic}: {self.why}"
