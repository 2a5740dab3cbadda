"""What the tracker sends, batches of links and pictures, and the marks that it asks for."""

from collections.abc import Iterable
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params import P, PathEx, QueryEx

from marketplace.api.bearer import caller
from marketplace.api.messages import answered, read_body, read_message
from marketplace.api.openapi import says
from marketplace.clock import now_ms
from marketplace.diary import pictures, reading, services
from marketplace.diary.rules import LARGEST_PICTURE_BYTES
from wire.marks import MarkList
from wire.receipt import Receipt
from wire.sync import Batch, BatchAnswer, PictureAnswer, PictureQuery, Upload

router = Router(tags=["diary"])
_BATCH_BYTES = 16 * 1024 * 1024
_QUERY_BYTES = 100_000
_LAST_NUMBER = 2**53
_SHA256 = r"^[0-9a-f]{64}$"


@router.post(
    "segments",
    operation_id="send_segments",
    summary="Send a run of the device's chain",
    openapi_extra=says(body=Batch, answer=BatchAnswer, problems=(400, 401, 404, 409, 413, 415, 422, 503, 507)),
)
def send_segments(request: HttpRequest) -> HttpResponse:
    """Take in a batch: one outcome a link, and the pictures of the accepted ones that are missing."""
    user = caller(request)
    batch = read_message(request, Batch, limit=_BATCH_BYTES)
    taken = services.ingest(user, batch, now_ms=now_ms())
    by_contract: dict[UUID, list[str]] = {}
    for contract_id, sha256 in taken.named:
        by_contract.setdefault(contract_id, []).append(sha256)
    missing = [
        upload
        for contract_id, hashes in sorted(by_contract.items())
        for upload in _uploads(request, contract_id, services.missing_pictures(user, contract_id, hashes))
    ]
    return answered(
        BatchAnswer(outcomes=taken.outcomes, missing=tuple(missing), edge=taken.edge, checkpoint=taken.checkpoint)
    )


@router.get(
    "log/receipts/{uuid:device}/{int:link}",
    operation_id="receipt",
    openapi_extra=says(answer=Receipt, problems=(401, 404)),
    summary="A revision's place in the log",
)
def receipt(request: HttpRequest, device: UUID, link: int) -> HttpResponse:
    """Prove that an accepted revision is in the log, to the contract's parties."""
    return answered(services.receipt(caller(request), device, link))


@router.post(
    "pictures/missing",
    operation_id="missing_pictures",
    summary="Which pictures are lacking",
    openapi_extra=says(body=PictureQuery, answer=PictureAnswer, problems=(400, 401, 413, 415, 422)),
)
def missing_pictures(request: HttpRequest) -> HttpResponse:
    """Tell which of these pictures of accepted segments are lacking, and where to put them."""
    query = read_message(request, PictureQuery, limit=_QUERY_BYTES)
    missing = services.missing_pictures(caller(request), query.contract, query.sha256)
    return answered(PictureAnswer(missing=tuple(_uploads(request, query.contract, missing))))


@router.put(
    "pictures/{uuid:contract}/{sha256}",
    operation_id="put_picture",
    summary="Put a picture",
    openapi_extra=says(body="image/jpeg", problems=(400, 401, 404, 411, 413, 415, 422, 503, 507)),
    url_name="put_picture",
)
def put_picture(request: HttpRequest, contract: UUID, sha256: PathEx[str, P(pattern=_SHA256)]) -> HttpResponse:
    """Store a picture that an accepted segment names; again is harmless."""
    user = caller(request)
    body = read_body(request, content_type="image/jpeg", limit=LARGEST_PICTURE_BYTES)
    pictures.store_picture(user, contract, sha256, body, now_ms=now_ms())
    return HttpResponse(status=204)


@router.get(
    "marks",
    operation_id="marks",
    summary="What was taken away elsewhere",
    openapi_extra=says(answer=MarkList, problems=(401, 404)),
)
def marks(request: HttpRequest, after: QueryEx[int, P(ge=0, le=_LAST_NUMBER)] = 0) -> HttpResponse:
    """Give the marks on the caller's segments after a number, in order; ask again until `newest` is reached."""
    return answered(reading.marks_after(caller(request), after))


def _uploads(request: HttpRequest, contract_id: UUID, hashes: Iterable[str]) -> list[Upload]:
    return [
        Upload(sha256=sha256, url=request.build_absolute_uri(f"/api/v1/pictures/{contract_id}/{sha256}"))
        for sha256 in hashes
    ]
