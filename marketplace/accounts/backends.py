"""How a person is found by their e-mail address and password, or by their session."""

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser

from marketplace.accounts.admission import is_admitted
from marketplace.accounts.models import User


class EmailBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no type hints
    """Admits by our rule; Django asks it for each session, too."""

    def user_can_authenticate(self, user: AbstractBaseUser | None) -> bool:
        """Tell whether this person may log in here at all."""
        return isinstance(user, User) and is_admitted(user)
