"""A checkpoint posted to an address of yours: a chat, a witness, a colleague's log. It cannot be read back."""

import hmac

from assay.checkpoint import Checkpoint
from assay.errors import EngineUnavailable

_TIMEOUT_SECONDS = 5.0


class WebhookPlace:
    """The note is the body. With a secret, `X-Assay-Signature: sha256=HEX` is its HMAC-SHA256."""

    is_readable = False

    def __init__(self, url: str, secret: str = "") -> None:
        self._address, self._secret = url, secret
        self.url = url.partition("?")[0]  # a query may carry a token

    def publish(self, note: str) -> bool:
        """Raises EngineUnavailable for any answer but 2xx."""
        import httpx

        body = note.encode()
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self._secret:
            headers["X-Assay-Signature"] = f"sha256={hmac.digest(self._secret.encode(), body, 'sha256').hex()}"
        try:
            answer = httpx.post(self._address, content=body, headers=headers, timeout=_TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise EngineUnavailable(f"{self.url}: {error!r}; does it listen?") from error
        if not answer.is_success:
            raise EngineUnavailable(f"{self.url}: expected an answer of 2xx, found {answer.status_code}")
        return True

    def newest(self, known: int) -> Checkpoint | None:
        raise EngineUnavailable(f"{self.url}: a webhook cannot be read back, {known} entries were sent")
