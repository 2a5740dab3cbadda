"""The OAuth provider's rules and pages: the tracker logs in through them (RFC 8252, 7636, 8628)."""

from http import HTTPStatus
from typing import Any

from csp.decorators import csp_update
from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication, get_device_grant_model, get_refresh_token_model
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.views import AuthorizationView, TokenView
from oauth2_provider.views.device import DeviceGrantForm, DeviceUserCodeView

TRACKER_CLIENT_ID = "daybook-tracker"
TRACKER_SCOPE = "tracker"
_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
# The browser applies form-action to the redirect after the form too, and that goes to the tracker on this machine.
_LOOPBACK = ["http://127.0.0.1:*", "http://[::1]:*"]


class Validator(OAuth2Validator):  # type: ignore[misc]  # the toolkit has no type hints
    """Lets a public native client use the device grant beside the authorization code.

    The toolkit gives an application one grant type, but RFC 8628 is the same client's way where no browser is.
    """

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: AbstractApplication, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Tell whether the client may use this grant."""
        if grant_type == _DEVICE_CODE and request.client.client_type == AbstractApplication.CLIENT_PUBLIC:
            return True
        return bool(super().validate_grant_type(client_id, grant_type, client, request, *args, **kwargs))

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        """Keep a new pair of tokens; one whose answer was lost on the way is revoked and replaced.

        A tracker that lost an answer asks again with the refresh token that it has, which holds for a while yet
        (`REFRESH_TOKEN_GRACE_PERIOD_SECONDS`). The toolkit would give the same pair again, but only its checksum is
        stored.
        """
        used = getattr(request, "refresh_token_instance", None)
        with transaction.atomic():
            if used is not None:
                for lost in get_refresh_token_model().objects.filter(access_token__source_refresh_token=used):
                    lost.revoke()
            super().save_bearer_token(token, request, *args, **kwargs)


@method_decorator(csp_update({"form-action": _LOOPBACK}), name="dispatch")
class ConsentView(AuthorizationView):  # type: ignore[misc]  # the toolkit has no type hints
    """Asks the person whether the tracker may act for them."""


class UserCodeForm(DeviceGrantForm):  # type: ignore[misc]  # the toolkit has no type hints
    """The code that the tracker shows, however it was typed."""

    user_code = forms.CharField(label=_("Code"), max_length=20)

    def clean_user_code(self) -> str:
        """Find the waiting device of this code."""
        typed = str(self.cleaned_data["user_code"])
        self.cleaned_data["user_code"] = "".join(one for one in typed.upper() if one.isalnum())
        return str(super().clean_user_code())


class UserCodeView(DeviceUserCodeView):  # type: ignore[misc]  # the toolkit has no type hints
    """Where the person types the code that the tracker shows (RFC 8628, section 3.3)."""

    form_class = UserCodeForm


class TokenEndpoint(TokenView):  # type: ignore[misc]  # the toolkit has no type hints
    """Gives tokens; a device code only while it lives and only once, which the toolkit does not hold by itself."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer a grant (RFC 6749 section 4.1.3, RFC 8628 section 3.4)."""
        if request.POST.get("grant_type") != _DEVICE_CODE:
            return _typed(super().post(request, *args, **kwargs))
        device_code = request.POST.get("device_code", "")
        with transaction.atomic():
            grant = get_device_grant_model().objects.select_for_update().filter(device_code=device_code).first()
            if grant is None:
                return JsonResponse({"error": "invalid_grant"}, status=400)
            if grant.is_expired():
                return JsonResponse({"error": "expired_token"}, status=400)
            response = _typed(super().post(request, *args, **kwargs))
            if response.status_code == HTTPStatus.OK:
                grant.status = grant.EXPIRED
                grant.save(update_fields=["status"])
        return response


def _typed(response: Any) -> HttpResponse:
    if not isinstance(response, HttpResponse):
        raise TypeError(f"the toolkit answered {type(response).__name__}, not a response")
    return response
