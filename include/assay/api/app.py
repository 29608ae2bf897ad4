"""The application: everything but /health wants the bearer token, every refusal says why.

It starts without its database, so that a supervisor may start engines in any order; /health then says 503.
"""

import contextlib
from collections.abc import AsyncIterator

from fastapi import Depends, FastAPI

from assay.api.health import router as health
from assay.api.labels import router as labels
from assay.api.lineage import router as lineage
from assay.api.metrics import count_requests
from assay.api.metrics import router as metrics
from assay.api.openapi import REFUSALS
from assay.api.openapi import router as openapi
from assay.api.ports import Ports
from assay.api.questions import router as questions
from assay.api.refusals import check_parameters, refuse_in_one_shape
from assay.api.token import require_token
from assay.settings import Settings, load_settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API on the given settings (default: those of `$ASSAY_HOME`). For `uvicorn --factory`."""
    ports = Ports(settings or load_settings())

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        ports.close()

    app = FastAPI(
        title="Assay",
        summary="Lineage told and asked: what models are made of, what served when, what nobody checked.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(check_parameters)],
        responses=REFUSALS,
    )
    app.state.ports = ports
    refuse_in_one_shape(app)
    require_token(app)
    count_requests(app)
    for router in (health, metrics, openapi, lineage, questions, labels):
        app.include_router(router)
    return app
