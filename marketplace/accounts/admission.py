"""Who is let in at all, whichever way they come: by log-in page, session or access token."""

from django.conf import settings

from marketplace.accounts.models import User


def is_admitted(user: User) -> bool:
    """Tell whether a person is let in: with an active account, and a demo one on loopback alone."""
    return user.is_active and (not user.is_demo or bool(settings.DEMO_LOG_INS_ALLOWED))
