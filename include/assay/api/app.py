"""The application: everything but /health wants the bearer token, every refusal says why.

It starts without its database, so that a supervisor may start engines in any order; /health then says 503.
"""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from assay.api.body import BodyTooLarge
from assay.api.health import router as health
from assay.api.labels import router as labels
from assay.api.lineage import router as lineage
from assay.api.metrics import count_requests
from assay.api.metrics import router as metrics
from assay.api.ports import Ports
from assay.errors import AssayError, EngineUnavailable, IntegrityError, PolicyViolation, SpecError
from assay.settings import Settings, load_settings

_STATUS: dict[type[AssayError], int] = {
    BodyTooLarge: 413,
    SpecError: 400,
    IntegrityError: 409,
    PolicyViolation: 403,
    EngineUnavailable: 503,
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API on the given settings (default: those of `$ASSAY_HOME`). For `uvicorn --factory`."""
    ports = Ports(settings or load_settings())

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        ports.close()

    app = FastAPI(title="Assay", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.ports = ports
    app.add_exception_handler(AssayError, _refuse)
    count_requests(app)
    for router in (health, metrics, lineage, labels):
        app.include_router(router)
    return app


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    status = next((code for family, code in _STATUS.items() if isinstance(error, family)), 500)
    return JSONResponse({"error": type(error).__name__, "message": str(error)}, status_code=status)
