"""The record: every device's chain of links, the accepted revisions, and the pictures they name."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from marketplace.accounts.models import Device
from marketplace.contracts.models import Contract, PolicyVersion
from marketplace.record.models import Leaf


class Link(models.Model):
    """One link of a device's chain (`wire.chain`), kept whatever became of its content.

    `digest` and `hash` are 32 bytes each; `hash` is the chain's head after this link. A rejected content leaves its
    `code` and `sentence` here, so that the same link gets the same answer for ever; an accepted one has its leaf in the
    log.
    """

    class Outcome(models.TextChoices):
        """What became of the content: none was sent, it was accepted, or it was refused."""

        BARE = "bare"
        ACCEPTED = "accepted"
        REJECTED = "rejected"

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="links")
    index = models.PositiveBigIntegerField()
    digest = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)
    received_ms = models.BigIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.BARE)
    outcome_ms = models.BigIntegerField()
    code = models.CharField(max_length=40, blank=True, default="")
    sentence = models.CharField(max_length=500, blank=True, default="")
    leaf = models.OneToOneField(Leaf, on_delete=models.PROTECT, null=True, related_name="link")

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["device", "index"], name="link_once_per_index"),
            models.CheckConstraint(
                condition=Q(outcome="rejected", code__gt="") | (~Q(outcome="rejected") & Q(code="")),
                name="link_rejected_has_a_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}/{self.index}"


class Revision(models.Model):
    """An accepted content of a segment, byte for byte as its device hashed it; never rewritten.

    `start_s` is in seconds since the Unix epoch on the ten-minute UTC grid. `worked_ms` repeats the content's sum, so
    that days and weeks add up in the database.
    """

    link = models.OneToOneField(Link, on_delete=models.PROTECT, related_name="revision")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="revisions")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="revisions")
    start_s = models.BigIntegerField()
    revision = models.PositiveIntegerField()
    policy = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    salt = models.BinaryField(max_length=32)
    content = models.BinaryField()
    worked_ms = models.PositiveIntegerField()
    received_ms = models.BigIntegerField()

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contract", "device", "start_s", "revision"], name="revision_natural_key"),
            models.CheckConstraint(condition=Q(revision__gte=1), name="revisions_from_one"),
            models.CheckConstraint(condition=Q(worked_ms__lte=600_000), name="revision_worked_at_most_ten_minutes"),
        ]
        indexes: ClassVar = [models.Index(fields=["contract", "start_s"], name="revision_by_day")]

    def __str__(self) -> str:
        return f"{self.contract_id}/{self.start_s}/{self.revision}"


class Picture(models.Model):
    """A picture or thumbnail that an accepted revision names; `size` in bytes, width and height in pixels.

    A thumbnail's measures are not announced, so they are null.
    """

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="pictures")
    at_ms = models.PositiveIntegerField()
    monitor = models.PositiveSmallIntegerField()
    is_thumbnail = models.BooleanField()
    sha256 = models.CharField(max_length=64, db_index=True)
    size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)

    def __str__(self) -> str:
        return self.sha256


class StoredPicture(models.Model):
    """Bytes that are in the picture store, once per contract however many revisions name them."""

    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="stored_pictures")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    stored_ms = models.BigIntegerField()

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contract", "sha256"], name="stored_picture_once_per_contract"),
        ]

    def __str__(self) -> str:
        return self.sha256
