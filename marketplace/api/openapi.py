"""The OpenAPI document: ninja knows the routes, msgspec the messages, so each message is defined once."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from wire.sync import Problem

_REF = "#/components/schemas/{name}"


class MessageApi(NinjaAPI):
    """A ninja API whose components are the wire's messages."""

    def __init__(self, *, messages: Iterable[type[msgspec.Struct]], **options: Any) -> None:
        super().__init__(**options)
        self._messages = tuple(messages)

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> OpenAPISchema:
        """Give the document with every message's JSON Schema in its components."""
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        _, components = msgspec.json.schema_components([*self._messages, Problem], ref_template=_REF)
        schema["components"].setdefault("schemas", {}).update(components)
        return schema


def says(
    *,
    answer: type[msgspec.Struct] | None = None,
    body: type[msgspec.Struct] | str | None = None,
    problems: Iterable[int] = (),
    parameters: Iterable[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Describe an operation: its body (a message, or a media type of bytes), its answer and its problems."""
    responses: dict[int, Any] = {}
    if answer is None:
        responses[204] = {"description": "Done"}
    else:
        responses[200] = {"description": "OK", "content": {"application/json": {"schema": _ref(answer)}}}
    for status in problems:
        responses[status] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": _ref(Problem)}},
        }
    said: dict[str, Any] = {"responses": responses, "parameters": list(parameters)}
    if isinstance(body, str):
        said["requestBody"] = {"required": True, "content": {body: {"schema": {"type": "string", "format": "binary"}}}}
    elif body is not None:
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    return said


def _ref(message: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=message.__name__)}
