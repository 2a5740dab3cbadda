"""Making a data folder ready: Django started, the database brought up to date, demo log-ins kept on loopback."""

import django
from django.conf import settings
from django.core.management import call_command

from marketplace.clock import now_ms
from marketplace.errors import SetupError


def start_django() -> None:
    """Load settings and apps, and bring the database up to date.

    Raises:
        SetupError: the database holds demo log-ins and other machines could reach them.
    """
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    from marketplace.accounts.services import demo_accounts_exist  # noqa: PLC0415 - models need a started Django
    from marketplace.record import services as record  # noqa: PLC0415 - likewise

    record.begin_epoch_if_restored(now_ms=now_ms())
    if demo_accounts_exist() and not settings.DEMO_LOG_INS_ALLOWED:
        raise SetupError(
            "This data folder holds demo log-ins, whose passwords everybody knows, so it is served on 127.0.0.1 alone. "
            "Name another data folder with --data, or leave --host and DAYBOOK_PUBLIC_URL out."
        )


def migrate() -> None:
    """Bring the database up to date."""
    start_django()
