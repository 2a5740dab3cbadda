"""The pages that say what went wrong. They use no database, which may be what failed."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that cannot be understood, or that is too large."""
    if isinstance(exception, RequestDataTooBig):
        return _page(request, "413.html", 413)
    return _page(request, "400.html", 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Answer what may not be done."""
    return _page(request, "403.html", 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Answer a form that did not come from our own page."""
    return _page(request, "403_csrf.html", 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Answer what is not there, or not the person's to see."""
    return _page(request, "404.html", 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a bug of ours."""
    return _page(request, "500.html", 500)


def storage_failed(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """Answer a failing disk or database with what to do."""
    return _page(request, "storage.html", status, sentence=sentence)


def _page(request: HttpRequest, template: str, status: int, **said: str) -> HttpResponse:
    return HttpResponse(render_to_string(template, {"said": said, "path": request.path}), status=status)
