"""Hashes, keys and signatures as messages carry them: lower-case hex of a fixed length."""

from typing import Annotated

from msgspec import Meta

Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Hex64 = Annotated[str, Meta(pattern=r"^[0-9a-f]{128}$")]
