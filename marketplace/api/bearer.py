"""The access token of a call (RFC 6750)."""

import hashlib

from django.http import HttpRequest
from ninja.security import HttpBearer
from oauth2_provider.models import get_access_token_model

from marketplace.accounts.admission import is_admitted
from marketplace.accounts.models import User
from marketplace.errors import RefusedError, refused

_SCOPE = "tracker"


class Bearer(HttpBearer):
    """Lets a call in that carries a token which is known, unexpired, of our scope and of a person who is let in."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:  # noqa: ARG002 - ninja passes it
        """Find the token's person; tokens are stored as checksums only."""
        checksum = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        found = get_access_token_model().objects.select_related("user").filter(token_checksum=checksum).first()
        if found is None or not found.is_valid([_SCOPE]) or not is_admitted(found.user):
            return None
        user: User = found.user
        return user


def caller(request: HttpRequest) -> User:
    """Give the person whose token let the call in."""
    user = getattr(request, "auth", None)
    if not isinstance(user, User):
        raise unauthorised()
    return user


def unauthorised() -> RefusedError:
    """Make the refusal of a call without a valid token."""
    return refused(
        401,
        "unauthorised",
        "Not logged in",
        "The access token is missing, unknown or expired. Refresh it, or log in again.",
        headers={"WWW-Authenticate": 'Bearer realm="Daybook", error="invalid_token"'},
    )
