"""Who may log in."""

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser


class EmailBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no type hints
    """Log in by e-mail address; demo log-ins, whose passwords everybody knows, on loopback alone."""

    def user_can_authenticate(self, user: AbstractBaseUser | None) -> bool:
        """Tell whether this person may log in here at all."""
        if getattr(user, "is_demo", False) and not settings.DEMO_LOG_INS_ALLOWED:
            return False
        return bool(super().user_can_authenticate(user))
