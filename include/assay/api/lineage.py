"""The lineage endpoints: any conforming OpenLineage producer may tell, whoever holds the token may ask."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from assay.api.body import read_body
from assay.api.token import require_token
from assay.lineage.moment import parse_moment
from assay.lineage.openlineage import canonical_event, event_time, parse_event, read_event
from assay.lineage.question import ask
from assay.lineage.served import served
from assay.lineage.store import ReceivedEvent
from assay.lineage.walk import DEFAULT_LIMIT, MOST_NODES, Direction

router = APIRouter(prefix="/api/v1", dependencies=[Depends(require_token)])


@router.post("/lineage")
async def receive(request: Request) -> JSONResponse:
    """Keep one event: 201 when new, 200 when it was there already, 400 with the reason when it does not conform."""
    body = await read_body(request)
    added = await run_in_threadpool(_keep, request, body)
    return JSONResponse({"stored": added}, status_code=201 if added else 200)


@router.get("/lineage/{direction}")
def walk_lineage(
    direction: Direction,
    request: Request,
    ref: str,
    at: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_NODES)] = DEFAULT_LIMIT,
) -> JSONResponse:
    """What `ref` came from (`up`) or what became of it (`down`): the nearest `limit` versions."""
    ports = request.app.state.ports
    walked = ask(ports.synced_lineage(), ports.settings, direction, ref, parse_moment(at), limit)
    return JSONResponse(walked.to_json())


@router.get("/served")
def served_then(
    request: Request, at: str | None = None, name: Annotated[str | None, Query(max_length=200)] = None
) -> JSONResponse:
    """What served at a time, since when, until when, approved by whom."""
    store = request.app.state.ports.synced_lineage()
    rows = served(store, parse_moment(at), name)
    return JSONResponse({"deployments": [row.to_json() for row in rows]})


def _keep(request: Request, body: bytes) -> bool:
    event = parse_event(body)
    store = request.app.state.ports.lineage()
    (added,) = store.add_events([ReceivedEvent(canonical_event(event), event_time(event), read_event(event))])
    return bool(added)
