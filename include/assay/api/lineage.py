"""The receiver: any conforming OpenLineage producer may tell, with the token."""

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from assay.api.body import read_body
from assay.api.token import require_token
from assay.lineage.openlineage import canonical_event, event_time, parse_event, read_event
from assay.lineage.store import ReceivedEvent

router = APIRouter(prefix="/api/v1", dependencies=[Depends(require_token)])


@router.post("/lineage")
async def receive(request: Request) -> JSONResponse:
    """Keep one event: 201 when new, 200 when it was there already, 400 with the reason when it does not conform."""
    body = await read_body(request)
    added = await run_in_threadpool(_keep, request, body)
    return JSONResponse({"stored": added}, status_code=201 if added else 200)


def _keep(request: Request, body: bytes) -> bool:
    event = parse_event(body)
    store = request.app.state.ports.lineage()
    (added,) = store.add_events([ReceivedEvent(canonical_event(event), event_time(event), read_event(event))])
    return bool(added)
