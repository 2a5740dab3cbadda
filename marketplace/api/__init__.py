"""How every app's API speaks: bearer tokens, messages by msgspec, problems by RFC 9457, one OpenAPI document."""
