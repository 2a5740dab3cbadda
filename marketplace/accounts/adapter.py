"""How allauth behaves here."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse

from marketplace.accounts.admission import is_admitted
from marketplace.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no type hints
    """People are invited; nobody signs up by themselves yet."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth passes it
        """Tell whether strangers may make an account."""
        return False

    def pre_login(self, request: HttpRequest, user: User, **said: Any) -> HttpResponse | None:
        """Turn away whoever is not admitted.

        allauth brings back a person whom the authentication backend refused, to tell them why, and then looks at
        `is_active` alone.
        """
        if not is_admitted(user):
            answer = self.respond_user_inactive(request, user)
        else:
            answer = super().pre_login(request, user, **said)
        return answer if isinstance(answer, HttpResponse) else None
