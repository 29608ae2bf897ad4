"""GET /health: whether Assay's API can do its work, that is, whether its database answers."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from assay.errors import AssayError

router = APIRouter()


@router.get("/health")
def health(request: Request) -> JSONResponse:
    """200 when the database answers, else 503 with the reason. Needs no token; tells no facts."""
    try:
        request.app.state.ports.lineage().ping()
    except AssayError as error:
        return JSONResponse({"status": "unavailable", "database": str(error)}, status_code=503)
    return JSONResponse({"status": "ok", "database": "ok"})
