"""The API under `/api/v1/`: every app's router, one way of saying what went wrong."""

import structlog
from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import AuthenticationError, ValidationError

from marketplace.accounts.api import router as accounts
from marketplace.api.bearer import Bearer, unauthorised
from marketplace.api.messages import problem
from marketplace.api.openapi import MessageApi
from marketplace.contracts.api import router as contracts
from marketplace.diary.api import router as diary
from marketplace.errors import RefusedError, refused
from marketplace.record.api import router as record
from marketplace.storage import trouble_of
from wire.contract import ContractList
from wire.diary import Segment
from wire.marks import MarkList
from wire.receipt import Log, Proof, Receipt
from wire.sync import Batch, BatchAnswer, Clock, Device, Enrolment, Person, PictureAnswer, PictureQuery

log = structlog.get_logger(__name__)

api = MessageApi(
    title="Daybook marketplace",
    version="1",
    description="What the tracker and the marketplace say to each other. Errors are problems (RFC 9457).",
    docs_url=None,
    auth=Bearer(),
    messages=(
        Clock,
        Person,
        Enrolment,
        Device,
        ContractList,
        Batch,
        BatchAnswer,
        PictureQuery,
        PictureAnswer,
        Segment,
        Log,
        Proof,
        Receipt,
        MarkList,
    ),
)
api.add_router("", record)
api.add_router("", accounts)
api.add_router("", contracts)
api.add_router("", diary)


@api.exception_handler(RefusedError)
def on_refusal(request: HttpRequest, error: RefusedError) -> HttpResponse:  # noqa: ARG001 - ninja passes it
    """Answer a refusal with its problem."""
    return problem(error)


@api.exception_handler(AuthenticationError)
def on_stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:  # noqa: ARG001 - ninja passes them
    """Answer a call without a valid token."""
    return problem(unauthorised())


@api.exception_handler(ValidationError)
def on_bad_address(request: HttpRequest, error: ValidationError) -> HttpResponse:  # noqa: ARG001 - ninja passes them
    """Answer an address whose parts have the wrong form."""
    return problem(refused(404, "not_found", "Not found", "There is nothing at this address."))


@api.exception_handler(Http404)
def on_nothing(request: HttpRequest, error: Http404) -> HttpResponse:  # noqa: ARG001 - ninja passes them
    """Answer what is not there, or not the caller's to see."""
    return problem(refused(404, "not_found", "Not found", "There is nothing at this address."))


@api.exception_handler(Exception)
def on_failure(request: HttpRequest, error: Exception) -> HttpResponse:  # noqa: ARG001 - ninja passes it
    """Answer a failing disk or database with what to do, and a bug of ours as one."""
    trouble = trouble_of(error)
    if trouble is None:
        log.error("bug", exc_info=error)
        return problem(refused(500, "bug", "Our mistake", "The marketplace made a mistake. Nothing was changed."))
    log.error("storage", code=trouble.code, exc_info=error)
    headers = {"Retry-After": "5"} if trouble.status == 503 else None
    return problem(refused(trouble.status, trouble.code, "Storage failed", trouble.sentence, headers=headers))
