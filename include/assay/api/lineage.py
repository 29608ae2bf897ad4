"""The receiver: any conforming OpenLineage producer may tell, with the token; what was told can be read again."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from assay.api.body import TOO_LARGE, read_body
from assay.api.received_answers import BatchAnswer, EventAnswer, KeptEventsAnswer, StoredAnswer
from assay.lineage.event_queries import MOST_EVENTS, find_events, kept_event
from assay.lineage.receive import keep_batch, keep_event

router = APIRouter(prefix="/api/v1", tags=["events"])

MAX_BATCH_BYTES = 16 << 20
_JSON_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_EVENT: dict[str, Any] = {"type": "object", "description": "one OpenLineage 2-0-2 event"}
_ONE: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": {"schema": _EVENT}}}}
_MANY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "items": _EVENT, "maxItems": 10_000}},
            "application/x-ndjson": {"schema": {"type": "string", "description": "one event a line"}},
        },
    }
}
Name = Annotated[str, Query(max_length=800)]


@router.post(
    "/lineage",
    status_code=201,
    response_model=StoredAnswer,
    responses={200: {"model": StoredAnswer, "description": "it was there already"}, **TOO_LARGE},
    openapi_extra=_ONE,
)
async def receive(request: Request) -> JSONResponse:
    """Keep one event: 201 when new, 200 when it was there already, 400 with the reason when it does not conform."""
    body = await read_body(request)
    added = await run_in_threadpool(lambda: keep_event(request.app.state.ports.lineage(), body))
    return JSONResponse({"stored": added}, status_code=201 if added else 200)


@router.post("/lineage/batch", response_model=BatchAnswer, responses=TOO_LARGE, openapi_extra=_MANY)
async def receive_batch(request: Request) -> JSONResponse:
    """Keep what conforms of up to 10,000 events; the answer names each other one by its index, with the reason.

    A JSON array, which must be JSON as a whole, or one event a line as `application/x-ndjson`.
    """
    body = await read_body(request, MAX_BATCH_BYTES)
    in_lines = request.headers.get("content-type", "").partition(";")[0].strip().lower() in _JSON_LINES
    kept = await run_in_threadpool(lambda: keep_batch(request.app.state.ports.lineage(), body, in_lines=in_lines))
    return JSONResponse(kept.to_json())


@router.get("/lineage/events", response_model=KeptEventsAnswer)
def events(
    request: Request,
    run: Name = "",
    job: Name = "",
    dataset: Name = "",
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 100,
) -> JSONResponse:
    """The newest received events of a run, a job (`NAMESPACE/NAME`) and a dataset (name or URI), as far as given."""
    found = find_events(request.app.state.ports.lineage(), run=run, job=job, dataset=dataset, limit=limit)
    return JSONResponse({"events": [one.to_json() for one in found]})


@router.get("/lineage/events/{sha256}", response_model=EventAnswer)
def event(request: Request, sha256: Annotated[str, Path(pattern="^[0-9a-fA-F]{64}$")]) -> JSONResponse:
    """One received event, as it was sent but for the order of its keys."""
    return JSONResponse({"event": kept_event(request.app.state.ports.lineage(), sha256)})
