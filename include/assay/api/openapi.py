"""GET /openapi.json: what may be asked and what is answered, refusals included; behind the token like all of it."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from assay.api.answers import Refusal
from assay.api.token import WITHOUT_TOKEN

router = APIRouter()

_SCHEME = {"token": {"type": "http", "scheme": "bearer", "description": "the value of ASSAY_API_TOKEN"}}
_REFUSED = {"model": Refusal}
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {**_REFUSED, "description": "a reference, time or body that is not understood, unknown or ambiguous"},
    401: {**_REFUSED, "description": "no token, or another one than Assay's"},
    409: {**_REFUSED, "description": "tampering: a signature, digest or proof does not hold; open an incident"},
    422: {**_REFUSED, "description": "a parameter or a body of another shape than described here"},
    500: {**_REFUSED, "description": "Assay failed on the request; report it"},
    503: {**_REFUSED, "description": "an engine behind the API is away; try again later"},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, built once: every operation with its refusals and whether it wants the token."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
        )
        document["components"]["securitySchemes"] = _SCHEME
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["security"] = [] if path in WITHOUT_TOKEN else [{"token": []}]
        app.openapi_schema = document
    return app.openapi_schema


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> JSONResponse:
    """The description of this API."""
    return JSONResponse(describe(request.app))
