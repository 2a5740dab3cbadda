"""The contracts that the tracker may record on."""

import hashlib

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from ninja import Router

from marketplace.api.bearer import caller
from marketplace.api.messages import answered
from marketplace.api.openapi import says
from marketplace.clock import now_ms
from marketplace.contracts import services
from wire.contract import ContractList

router = Router(tags=["contracts"])


@router.get(
    "contracts",
    operation_id="contracts",
    summary="Contracts to track on",
    openapi_extra=says(answer=ContractList, problems=(401,)),
)
def contracts(request: HttpRequest) -> HttpResponse:
    """Give every contract the person works on; with `If-None-Match` 304 where nothing changed."""
    response = answered(services.contracts_to_track(caller(request), now_ms=now_ms()))
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    if etag in [one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))]:
        return HttpResponseNotModified(headers={"ETag": etag})
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    return response
