"""People, the organisations that clients act for, and the devices that freelancers record with."""

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower


class UserManager(BaseUserManager["User"]):
    """Makes people from an e-mail address, in lower case as it is compared."""

    def create_user(self, email: str, name: str, password: str | None = None, *, is_demo: bool = False) -> "User":
        """Store a new person; without a password nobody can log in as them."""
        user = self.model(email=email.lower(), name=name, is_demo=is_demo)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by e-mail address, whatever its case."""
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person, who logs in with an e-mail address. `is_demo` log-ins work on loopback alone."""

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_case"),
        ]

    def __str__(self) -> str:
        return self.name


class Organisation(models.Model):
    """A client: who contracts are agreed with."""

    name = models.CharField(max_length=200, unique=True)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person acts for an organisation."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "user"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} for {self.organisation}"


class Device(models.Model):
    """A machine that records, with the Ed25519 public key that its chain is signed with."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="devices")
    name = models.CharField(max_length=200)
    public_key = models.BinaryField(max_length=32)
    enrolled_ms = models.BigIntegerField()

    class Meta:
        """What the database holds the rows to."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "public_key"], name="device_once_per_key"),
        ]

    def __str__(self) -> str:
        return self.name
