"""Operators, API keys, the answers kept for repeated requests, and the audit trail."""

from typing import Any
from uuid import uuid4

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from healthnotify.apps.access.scopes import FOR_KEYS, SCOPES, Role, Scope


class Operators(BaseUserManager["Operator"]):
    """Makes operators."""

    def create_user(self, username: str, password: str, role: Role) -> "Operator":
        """An operator whose password is kept as its Argon2 hash."""
        operator = self.model(username=username, role=role)
        operator.set_password(password)
        operator.save(using=self._db)
        return operator


class Operator(AbstractBaseUser):
    """Somebody who logs in. What they may do follows from the role alone: there are no groups or permissions beside."""

    username = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=16, choices=[(role.value, role.value) for role in Role])
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = Operators()
    USERNAME_FIELD = "username"

    class Meta:
        db_table = "operators"
        constraints = [models.CheckConstraint(name="operators_role", condition=Q(role__in=list(Role)))]

    def __str__(self) -> str:
        """As the pages show them."""
        return self.username

    @property
    def actor(self) -> str:
        """As the audit trail names them."""
        return f"operator:{self.username}"

    @property
    def scopes(self) -> frozenset[Scope]:
        """What they may do."""
        return SCOPES[Role(self.role)] if self.is_active else frozenset()

    @property
    def is_staff(self) -> bool:
        """Whether Django's admin lets them in; what they see there, `has_perm` says."""
        return self.is_active

    @property
    def is_superuser(self) -> bool:
        """Never: what an administrator may do is said by scopes."""
        return False

    def has_perm(self, permission: str, _obj: Any = None) -> bool:
        """For Django's own questions; our admin asks for scopes."""
        return permission in self.scopes

    def has_module_perms(self, _app: str) -> bool:
        """For Django's own questions."""
        return self.is_active


class ApiKey(models.Model):
    """A program's way in. Only the hash of its secret is kept: whoever reads this table cannot use it."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.CharField(max_length=64)
    prefix = models.CharField(max_length=16, unique=True)  # shown, to tell keys apart
    digest = models.CharField(max_length=64)  # SHA-256 of the whole key: it is 256 random bits, no password
    scopes = ArrayField(models.CharField(max_length=32))
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=80)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)  # to the minute: a write for each request would be too dear

    class Meta:
        db_table = "api_keys"
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                name="api_keys_scopes",
                condition=Q(scopes__len__gte=1, scopes__contained_by=[scope.value for scope in FOR_KEYS]),
            ),
        ]

    def __str__(self) -> str:
        """As the pages show it."""
        return f"{self.name} ({self.prefix}…)"


class KeptAnswer(models.Model):
    """What was answered to a POST with an `Idempotency-Key`; without a status it is still being worked on."""

    id = models.BigAutoField(primary_key=True)
    caller = models.CharField(max_length=80)  # whose key it is: two callers may choose the same
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of method, path and body
    created_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer_sealed = models.TextField(blank=True, default="")  # headers and body, under the key ring
    user_id = models.UUIDField(null=True, db_index=True)  # whom it speaks of: erased with them

    class Meta:
        db_table = "kept_answers"
        constraints = [models.UniqueConstraint("caller", "key", name="kept_answers_one_a_key")]


class AuditEntry(models.Model):
    """Somebody did, or saw, something that one may be asked about. Rows are only ever added."""

    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=80)  # operator:<name>, key:<prefix> or command
    action = models.CharField(max_length=32)
    target = models.CharField(max_length=128)  # what it was done to: an id, never a name or an address
    detail = models.JSONField(default=dict)

    class Meta:
        db_table = "audit"
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        """As the pages show it."""
        return f"{self.action} {self.target}"
