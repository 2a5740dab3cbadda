"""What anyone may ask of the log: where it stands, and that it only grew."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from marketplace.api.messages import answered
from marketplace.api.openapi import says
from marketplace.clock import now_ms
from marketplace.record import services
from wire.receipt import Log, Proof

router = Router(tags=["record"])


@router.get("log", auth=None, operation_id="log", openapi_extra=says(answer=Log), summary="Where the log stands")
def log(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the router passes it
    """Give the log's key, its newest signed checkpoint, and what its epoch follows; needs no token."""
    return answered(services.state(now_ms=now_ms()))


@router.get(
    "log/consistency",
    auth=None,
    operation_id="consistency",
    openapi_extra=says(answer=Proof, problems=(404, 422)),
    summary="That the log only grew",
)
def consistency(request: HttpRequest, origin: str, old: int, new: int) -> HttpResponse:  # noqa: ARG001 - likewise
    """Prove that the tree of `new` leaves began as the one of `old` leaves; needs no token."""
    return answered(services.consistency(origin, old, new))
