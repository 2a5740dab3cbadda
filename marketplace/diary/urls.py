"""The pages of the work diary, and the pictures."""

import datetime as dt

from django.urls import path, register_converter

from marketplace.diary import views


class DateConverter:
    """A date of the form 2026-11-19."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> dt.date:
        """Read the date; one that the calendar lacks is no address."""
        return dt.date.fromisoformat(value)

    def to_url(self, value: dt.date) -> str:
        """Write the date."""
        return value.isoformat()


class Sha256Converter:
    """A SHA-256 in lower-case hex."""

    regex = r"[0-9a-f]{64}"

    def to_python(self, value: str) -> str:
        """Read the hash."""
        return value

    def to_url(self, value: str) -> str:
        """Write the hash."""
        return value


register_converter(DateConverter, "date")
register_converter(Sha256Converter, "sha256")

_CONTRACT = "contracts/<uuid:contract_id>"
_SEGMENT = f"{_CONTRACT}/segments/<int:start_s>/<uuid:device_id>"
urlpatterns = [
    path(f"{_CONTRACT}/diary/", views.today, name="diary_today"),
    path(f"{_CONTRACT}/diary/<date:date>/", views.day, name="diary_day"),
    path(f"{_SEGMENT}/", views.segment, name="diary_segment"),
    path(f"{_SEGMENT}/withhold/<int:at_ms>/", views.withhold, name="diary_withhold"),
    path(f"{_SEGMENT}/delete/", views.delete, name="diary_delete"),
    path(f"{_CONTRACT}/pictures/<sha256:sha256>/", views.picture, name="diary_picture"),
]
