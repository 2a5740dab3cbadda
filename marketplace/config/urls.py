"""Every address of the marketplace."""

from django.urls import URLPattern, URLResolver, include, path

from marketplace.config.api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("o/", include("marketplace.accounts.oauth_urls", namespace="oauth2_provider")),
    path("accounts/", include("marketplace.accounts.urls")),
    path("", include("marketplace.contracts.urls")),
    path("", include("marketplace.diary.urls")),
]

handler400 = "marketplace.config.views.bad_request"
handler403 = "marketplace.config.views.forbidden"
handler404 = "marketplace.config.views.not_found"
handler500 = "marketplace.config.views.server_error"
