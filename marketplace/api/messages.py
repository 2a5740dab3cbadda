"""Reading a request's message and answering with one: msgspec both ways, nothing parsed twice."""

from typing import TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse

from marketplace.errors import RefusedError, refused
from wire.sync import Problem

MessageT = TypeVar("MessageT", bound=msgspec.Struct)
_encoder = msgspec.json.Encoder()


def read_body(request: HttpRequest, *, content_type: str, limit: int) -> bytes:
    """Read a body of at most `limit` bytes.

    Raises:
        RefusedError: 415 for another content type, 411 without a length, 413 above the limit, 400 when cut short.
    """
    if request.content_type != content_type:
        raise refused(415, "wrong_content_type", "Wrong content type", f"Send the body as {content_type}.")
    try:
        length = int(request.META.get("CONTENT_LENGTH") or "")
    except ValueError:
        raise refused(411, "length_required", "Length required", "Send the body with a Content-Length.") from None
    if length > limit:
        raise refused(413, "too_large", "Too large", f"The body has {length} bytes; at most {limit} are taken.")
    body = request.read(length)
    if len(body) != length:
        raise refused(400, "malformed", "Cut short", f"The body ended after {len(body)} of {length} bytes.")
    return body


def read_message(request: HttpRequest, message_type: type[MessageT], *, limit: int) -> MessageT:
    """Read the request's message.

    Raises:
        RefusedError: 400 where the body is not JSON, 422 where it is not such a message, and what `read_body` raises.
    """
    body = read_body(request, content_type="application/json", limit=limit)
    try:
        return msgspec.json.decode(body, type=message_type)
    except msgspec.ValidationError as error:
        raise refused(422, "malformed", "Malformed message", f"This is no {message_type.__name__}: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refused(400, "malformed", "Not JSON", f"The body cannot be read as JSON: {error}.") from error


def answered(message: msgspec.Struct) -> HttpResponse:
    """Answer with a message."""
    return HttpResponse(_encoder.encode(message), content_type="application/json")


def problem(error: RefusedError) -> HttpResponse:
    """Answer with a problem (RFC 9457)."""
    return problem_answer(error.problem, error.headers)


def problem_answer(said: Problem, headers: dict[str, str] | None = None) -> HttpResponse:
    """Encode a problem as its own media type."""
    return HttpResponse(
        _encoder.encode(said), status=said.status, content_type="application/problem+json", headers=headers
    )
