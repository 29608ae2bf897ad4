"""GET /model/NAME: the life of a model under one name, newest first, and as a band."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse

from assay.errors import SpecError
from assay.lineage.served import served
from assay.page.band import LANES, WIDTH, band
from assay.page.delivery import delivery
from assay.page.history import events_of, servings
from assay.page.reader import Reader, reader_of
from assay.page.registrations import registrations, versions_before
from assay.page.rendering import render

router = APIRouter()
EVENTS = 100


@router.get("/model/{name}")
def model(
    request: Request, reader: Annotated[Reader, Depends(reader_of)], name: Annotated[str, Path(max_length=200)],
    before: Annotated[int | None, Query(ge=0, lt=1 << 62)] = None, delivered: bool = False,
) -> HTMLResponse:  # fmt: skip
    """before: only events with a lower number: an older page. delivered: figures of delivery, however long it takes."""
    engines = request.app.state.engines
    reader.require(name)
    with engines.ledger() as ledger:
        events = events_of(ledger, name, before, EVENTS)
        spans = servings(ledger, name, events)
        if not events and not ledger.find(pipeline=name, limit=1):
            raise SpecError(f"model/{name}: expected a pipeline with statements, found none; see the board for names")
        told = delivery(ledger, name, engines.now(), is_asked=delivered) if before is None else None
        befores = versions_before(ledger, registrations(event.entry for event in events))
    serving = next(iter(served(engines.lineage(), None, name)), None)
    until = engines.now() if before is None else events[0].at if events else engines.now()
    return render(
        request,
        "timeline",
        title=f"Timeline of {name}",
        model=name,
        events=events,
        serving=serving,
        spans=spans,
        band=band(events, spans, until),
        width=WIDTH,
        lanes=LANES,
        older=events[-1].entry.seq if len(events) >= EVENTS else None,
        before=before,
        delivery=told,
        befores=befores,
    )
