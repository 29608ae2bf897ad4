"""Base64 with one spelling: what decodes to the same bytes in another way is refused."""

import base64
import binascii


def encode(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode()


def decode(text: str) -> bytes:
    """Raises ValueError unless `text` is exactly what `encode` gives."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{text[:20]!r} is no base64: {error}") from error
    if encode(data) != text:
        raise ValueError(f"{text[:20]!r} is another spelling of base64")
    return data
