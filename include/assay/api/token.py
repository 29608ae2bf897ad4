"""Who may ask: the bearer of `ASSAY_API_TOKEN`. Without a token configured, nobody.

It is asked before any route, parameter or body is looked at, so a new route is closed unless it is named here.
"""

import hmac
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import Response

from assay.api.refusals import refusal

WITHOUT_TOKEN = ("/health",)


def require_token(app: FastAPI) -> None:
    """Answer 401 to every request but those for WITHOUT_TOKEN that does not bear the configured token."""

    @app.middleware("http")
    async def admit(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        objection = "" if request.scope["path"] in WITHOUT_TOKEN else _objection(request)
        if not objection:
            return await answer(request)
        refused = refusal("Refused", objection, 401)
        refused.headers["WWW-Authenticate"] = "Bearer"
        return refused


def _objection(request: Request) -> str:
    """Why the request may not ask, "" when it may; tokens are compared in constant time."""
    expected = request.app.state.ports.settings.api_token.get_secret_value()
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if not expected:
        return "ASSAY_API_TOKEN is not set, so nobody may ask; set it and start again"
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected.encode()):
        return "expected header `Authorization: Bearer TOKEN` with Assay's API token"
    return ""
