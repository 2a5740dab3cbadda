"""Contracts and the versions of their policy."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from marketplace.accounts.models import Organisation, User


class Contract(models.Model):
    """An hourly agreement between a client organisation and a freelancer."""

    class Status(models.TextChoices):
        """Only an active contract can be tracked on."""

        ACTIVE = "active"
        PAUSED = "paused"
        ENDED = "ended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="contracts")
    freelancer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="contracts")
    title = models.CharField(max_length=200)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    started_ms = models.BigIntegerField()
    ended_ms = models.BigIntegerField(null=True)

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=["active", "paused", "ended"]), name="contract_status_known"),
            models.CheckConstraint(
                condition=Q(status="ended", ended_ms__gte=F("started_ms"))
                | (~Q(status="ended") & Q(ended_ms__isnull=True)),
                name="contract_ended_has_its_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class PolicyVersion(models.Model):
    """One version of a contract's policy (PRODUCT.md, "Policy of a contract"); never changed, only followed.

    It holds from `holds_from_ms`. `rate_minor` is per hour in the currency's minor unit. `agreed_by` and `reason` say
    who made it and why.
    """

    class Blur(models.TextChoices):
        """Whether pictures are made unreadable on the device."""

        NONE = "none"
        IRREVERSIBLE = "irreversible"

    contract = models.ForeignKey(Contract, on_delete=models.CASCADE, related_name="policies")
    version = models.PositiveIntegerField()
    holds_from_ms = models.BigIntegerField()
    snapshots_per_segment = models.PositiveSmallIntegerField()
    blur = models.CharField(max_length=20, choices=Blur)
    sends_window_titles = models.BooleanField()
    hold_s = models.PositiveIntegerField()
    allows_manual_time = models.BooleanField()
    declared_minutes_per_day = models.PositiveIntegerField()
    protects_declared_time = models.BooleanField()
    idle_limit_s = models.PositiveIntegerField()
    activity_threshold = models.PositiveSmallIntegerField()
    retention_weeks = models.PositiveIntegerField()
    weekly_limit_minutes = models.PositiveIntegerField(null=True)
    rate_minor = models.PositiveBigIntegerField()
    agreed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contract", "version"], name="policy_version_once"),
            models.CheckConstraint(condition=Q(version__gte=1), name="policy_versions_from_one"),
            models.CheckConstraint(condition=Q(snapshots_per_segment__lte=3), name="policy_at_most_three_snapshots"),
            models.CheckConstraint(condition=Q(activity_threshold__lte=10), name="policy_threshold_out_of_ten"),
        ]

    def __str__(self) -> str:
        return f"{self.contract} v{self.version}"
