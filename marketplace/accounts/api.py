"""Who the token belongs to, the clock, and enrolling a device."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from marketplace.accounts import services
from marketplace.api.bearer import caller
from marketplace.api.messages import answered, read_message
from marketplace.api.openapi import says
from marketplace.clock import now_ms
from wire.sync import Clock, Device, Enrolment, Person

router = Router(tags=["accounts"])
_ENROLMENT_BYTES = 10_000


@router.get("clock", auth=None, operation_id="clock", openapi_extra=says(answer=Clock), summary="Marketplace time")
def clock(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the router passes it
    """Give the marketplace's time; needs no token."""
    return answered(Clock(utc_ms=now_ms()))


@router.get("me", operation_id="me", openapi_extra=says(answer=Person, problems=(401,)), summary="Whose token")
def me(request: HttpRequest) -> HttpResponse:
    """Tell whose token this is."""
    user = caller(request)
    return answered(Person(id=user.pk, name=user.name, email=user.email))


@router.post(
    "devices",
    operation_id="enrol_device",
    openapi_extra=says(body=Enrolment, answer=Device, problems=(400, 401, 413, 415, 422)),
    summary="Enrol a device's key",
)
def enrol_device(request: HttpRequest) -> HttpResponse:
    """Enrol a device's public key; the same key again gives the same id."""
    enrolment = read_message(request, Enrolment, limit=_ENROLMENT_BYTES)
    return answered(Device(id=services.enrol_device(caller(request), enrolment, now_ms=now_ms()).pk))
