"""What every answer goes through: the API speaks in problems, and a failing disk is told as one."""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.http import HttpRequest, HttpResponse

from marketplace.api.messages import problem_answer
from marketplace.config import views
from marketplace.storage import trouble_of
from wire.sync import Problem

log = structlog.get_logger(__name__)
Answer = Callable[[HttpRequest], HttpResponse]
_API = "/api/"
_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not know this method.",
    400: "The request cannot be understood.",
}


class ApiErrors:
    """Makes a problem of an error answer under `/api/` that Django or ninja gave in another form."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        response = self._get_response(request)
        said = response.headers.get("Content-Type", "")
        if response.status_code < 400 or not request.path.startswith(_API) or said == "application/problem+json":
            return response
        status = HTTPStatus(response.status_code)
        detail = _SENTENCES.get(status, "The marketplace could not answer this request.")
        kept = {name: response.headers[name] for name in ("Allow", "Retry-After") if name in response.headers}
        body = Problem(title=status.phrase, status=status, detail=detail, code=status.name.lower())
        return problem_answer(body, kept)


class StorageErrors:
    """Makes a page with what to do of a failing disk or database."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Say what failed, or leave a bug to be answered as one."""
        trouble = trouble_of(error)
        if trouble is None:
            return None
        log.error("storage", code=trouble.code, exc_info=error)
        return views.storage_failed(request, trouble.status, trouble.sentence)
