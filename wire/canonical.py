"""The one byte form that is hashed, signed and stored.

Canonical JSON in the sense of RFC 8785, which for our messages means: keys sorted, no white space, UTF-8,
no floats (the message types have none). Both sides hash the bytes they hold and never re-encode what was signed.
"""

from typing import TypeVar

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")


class NotCanonicalError(ValueError):
    """The bytes say the right thing in another form than the canonical one."""


def encode(message: msgspec.Struct) -> bytes:
    """Give the canonical bytes of a message."""
    return _encoder.encode(message)


MessageT = TypeVar("MessageT", bound=msgspec.Struct)


def decode(content: bytes, message_type: type[MessageT]) -> MessageT:
    """Read canonical bytes.

    Raises:
        msgspec.ValidationError: the bytes are not such a message.
        msgspec.DecodeError: the bytes are not JSON.
        NotCanonicalError: the bytes are not in canonical form, so their hash would not be the message's.
    """
    message = msgspec.json.decode(content, type=message_type)
    if encode(message) != content:
        raise NotCanonicalError("The content is not in canonical form: keys sorted, no white space, UTF-8.")
    return message
