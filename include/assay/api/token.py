"""Who may ask: the bearer of `ASSAY_API_TOKEN`. Without a token configured, nobody."""

import hmac

from fastapi import HTTPException, Request


def require_token(request: Request) -> None:
    """Refuses with 401 unless the request bears the configured token; compared in constant time."""
    expected = request.app.state.ports.settings.api_token.get_secret_value()
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if not expected:
        raise _unauthorised("ASSAY_API_TOKEN is not set, so nobody may ask; set it and start again")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected.encode()):
        raise _unauthorised("expected header `Authorization: Bearer TOKEN` with Assay's API token")


def _unauthorised(message: str) -> HTTPException:
    return HTTPException(401, message, headers={"WWW-Authenticate": "Bearer"})
