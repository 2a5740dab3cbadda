"""The record: every device's chain of links, the accepted revisions, the marks, and the pictures that count."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from marketplace.accounts.models import Device, User
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

    `start_s` is in seconds since the Unix epoch on the ten-minute UTC grid. `worked_ms` repeats what counts of it, the
    content's sum less all marks, so that days and weeks add up in the database. Content and salt are null once marks
    left nothing of it and it was destroyed; the bare link stays (PRODUCT.md, "The record").
    """

    link = models.OneToOneField(Link, on_delete=models.PROTECT, related_name="revision")
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="revisions")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="revisions")
    start_s = models.BigIntegerField()
    revision = models.PositiveIntegerField()
    policy = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    salt = models.BinaryField(max_length=32, null=True)
    content = models.BinaryField(null=True)
    worked_ms = models.PositiveIntegerField()
    received_ms = models.BigIntegerField()

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contract", "device", "start_s", "revision"], name="revision_natural_key"),
            models.CheckConstraint(condition=Q(revision__gte=1), name="revisions_from_one"),
            models.CheckConstraint(condition=Q(worked_ms__lte=600_000), name="revision_worked_at_most_ten_minutes"),
            models.CheckConstraint(
                condition=Q(salt__isnull=False, content__isnull=False)
                | Q(salt__isnull=True, content__isnull=True, worked_ms=0),
                name="revision_destroyed_whole",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["contract", "start_s"], name="revision_by_day")]

    def __str__(self) -> str:
        return f"{self.contract_id}/{self.start_s}/{self.revision}"


class Picture(models.Model):
    """A picture or thumbnail that an accepted revision names and no mark takes away.

    `size` is in bytes, width and height in pixels; a thumbnail's measures are not announced, so they are null.
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


class Mark(models.Model):
    """A mark (`wire.marks`); rows are only ever added, which the database holds itself to (migration 0003).

    `content` is its canonical form, byte for byte; the other columns repeat what is asked by. `number` counts the
    freelancer's marks from 1. `leaf` holds SHA-256(salt ‖ content) in the log.
    """

    freelancer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="marks")
    number = models.PositiveBigIntegerField()
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="marks")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="marks")
    start_s = models.BigIntegerField()
    actor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    salt = models.BinaryField(max_length=32)
    content = models.BinaryField()
    made_ms = models.BigIntegerField()
    leaf = models.OneToOneField(Leaf, on_delete=models.PROTECT, related_name="mark")

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["freelancer", "number"], name="mark_number_once_per_freelancer"),
            models.CheckConstraint(condition=Q(number__gte=1), name="marks_from_one"),
        ]
        indexes: ClassVar = [models.Index(fields=["contract", "start_s"], name="mark_by_day")]

    def __str__(self) -> str:
        return f"{self.freelancer_id}/{self.number}"


class Destruction(models.Model):
    """What a mark took away and is still to be destroyed, and from when; the row goes when that is done.

    `hashes` are the pictures and thumbnails that no longer count. Until `due_ms` they and the content are kept, for a
    mediator alone.
    """

    mark = models.ForeignKey(Mark, on_delete=models.PROTECT, related_name="destructions")
    hashes = models.JSONField()
    due_ms = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"{self.mark} from {self.due_ms}"
