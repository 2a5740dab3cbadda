"""The OAuth endpoints under `/o/`; only those that the tracker needs."""

from django.urls import path, re_path
from oauth2_provider import views

from marketplace.accounts.oauth import ConsentView, TokenEndpoint, UserCodeView

app_name = "oauth2_provider"  # the toolkit's views reverse their own names

urlpatterns = [
    path("authorize/", ConsentView.as_view(), name="authorize"),
    path("token/", TokenEndpoint.as_view(), name="token"),
    path("revoke_token/", views.RevokeTokenView.as_view(), name="revoke-token"),
    path("device-authorization/", views.DeviceAuthorizationView.as_view(), name="device-authorization"),
    re_path(r"^device/?$", UserCodeView.as_view(), name="device"),
    path("device-confirm/<slug:client_id>/<slug:user_code>", views.DeviceConfirmView.as_view(), name="device-confirm"),
    path(
        "device-grant-status/<slug:client_id>/<slug:user_code>",
        views.DeviceGrantStatusView.as_view(),
        name="device-grant-status",
    ),
]
