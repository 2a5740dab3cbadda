"""What changes about people and their devices."""

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import transaction

from marketplace.accounts.models import Device, Membership, Organisation, User
from marketplace.errors import refused
from marketplace.record import services as record
from wire.leaf import KeyLeaf
from wire.sync import Enrolment

log = structlog.get_logger(__name__)


def enrol_device(user: User, enrolment: Enrolment, *, now_ms: int) -> Device:
    """Enrol a device's public key for a person; the same key again gives the same device.

    Raises:
        RefusedError: the key is not a usable Ed25519 key.
    """
    key = bytes.fromhex(enrolment.public_key)
    try:
        Ed25519PublicKey.from_public_bytes(key)
    except ValueError as error:
        raise refused(422, "malformed", "Not a key", "The public key is not an Ed25519 key.") from error
    with transaction.atomic():
        device, is_new = Device.objects.get_or_create(
            user=user, public_key=key, defaults={"name": enrolment.name, "enrolled_ms": now_ms}
        )
        if is_new:
            record.append([KeyLeaf(device=device.pk, public_key=enrolment.public_key)], now_ms=now_ms)
    if is_new:
        log.info("device enrolled", user=user.pk, device=str(device.pk))
    return device


def found_organisation(name: str, member: User) -> Organisation:
    """Set up a client organisation with its first member, or add the member to the one there is."""
    with transaction.atomic():
        organisation, _ = Organisation.objects.get_or_create(name=name)
        Membership.objects.get_or_create(organisation=organisation, user=member)
    return organisation


def demo_accounts_exist() -> bool:
    """Whether log-ins exist whose passwords everybody knows."""
    return User.objects.filter(is_demo=True).exists()
