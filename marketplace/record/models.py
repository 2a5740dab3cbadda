"""The append-only log (RFC 6962): its epochs, its leaves, the hashes over them, and the checkpoints that were signed.

Leaves and hashes are never changed and never removed; triggers in the database refuse it (migration 0001).
"""

from typing import ClassVar

from django.db import models


class Epoch(models.Model):
    """One life of the log. A restored marketplace begins another, whose first leaf names its last checkpoint.

    `size` and `peaks` are the tree as it stands: the hashes (32 bytes each) of its complete subtrees from the largest
    on, so that a leaf is appended without looking anything up. `follows` is the checkpoint it begins from, "" for none.
    """

    origin = models.CharField(max_length=200, unique=True)
    begun_ms = models.BigIntegerField()
    follows = models.TextField(blank=True, default="")
    size = models.PositiveBigIntegerField(default=0)
    peaks = models.BinaryField(default=b"")

    def __str__(self) -> str:
        return self.origin


class Leaf(models.Model):
    """A leaf: its exact bytes (`wire.leaf`) and their hash."""

    epoch = models.ForeignKey(Epoch, on_delete=models.PROTECT, related_name="leaves")
    index = models.PositiveBigIntegerField()
    data = models.BinaryField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["epoch", "index"], name="leaf_once_per_index")]

    def __str__(self) -> str:
        return f"{self.epoch_id}/{self.index}"


class Subtree(models.Model):
    """The hash of a complete subtree above the leaves (`wire.merkle`)."""

    epoch = models.ForeignKey(Epoch, on_delete=models.PROTECT, related_name="subtrees")
    level = models.PositiveSmallIntegerField()
    index = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["epoch", "level", "index"], name="subtree_once_per_place"),
        ]

    def __str__(self) -> str:
        return f"{self.epoch_id}/{self.level}/{self.index}"


class Checkpoint(models.Model):
    """A size and root that were signed; the note is what was given out, byte for byte."""

    epoch = models.ForeignKey(Epoch, on_delete=models.PROTECT, related_name="checkpoints")
    size = models.PositiveBigIntegerField()
    note = models.TextField()
    made_ms = models.BigIntegerField()

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["epoch", "size"], name="checkpoint_once_per_size")]

    def __str__(self) -> str:
        return f"{self.epoch_id}/{self.size}"
