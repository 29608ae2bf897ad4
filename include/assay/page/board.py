"""GET /: the gate board. Every pipeline with its last verdicts and what serves, what needs attention first."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from assay.lineage.served import served
from assay.page.reader import Reader, reader_of
from assay.page.rendering import render
from assay.page.standing import COLUMNS, Need, Standing, standings
from assay.quarantine.declaration import declarations_in_force

router = APIRouter()
ROWS = 50
Show = Literal["all", "attention", "quarantine", "failed", "drift", "not_checked", "not_served"]
_SHOWN: dict[Show, frozenset[Need]] = {
    "all": frozenset(Need),
    "attention": frozenset(Need) - {Need.NOTHING},
    "quarantine": frozenset({Need.QUARANTINE}),
    "failed": frozenset({Need.FAILED}),
    "drift": frozenset({Need.DRIFT}),
    "not_checked": frozenset({Need.NOT_CHECKED}),
    "not_served": frozenset({Need.NOT_SERVED}),
}


@dataclass(frozen=True)
class Line:
    """One pipeline on the page. doubts: entry number -> why its statement does not hold."""

    standing: Standing
    doubts: dict[int, str]


@router.get("/")
def board(
    request: Request,
    reader: Annotated[Reader, Depends(reader_of)],
    q: Annotated[str, Query(max_length=200)] = "",
    show: Show = "all",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Sorted by need, then by name. q: part of a pipeline's name."""
    engines = request.app.state.engines
    serving = served(engines.lineage())
    with engines.ledger() as ledger:
        declared = declarations_in_force(ledger)
        found = standings(request.app.state.newest.of(ledger), serving, declared)
        readable = reader.readable_of(found)
        mine = [standing for name, standing in found.items() if name in readable]
        chosen = [s for s in mine if s.need in _SHOWN[show] and q.lower() in s.pipeline.lower()]
        chosen.sort(key=lambda standing: (standing.need, standing.pipeline))
        shown = chosen[(page - 1) * ROWS : page * ROWS]
        headings = [heading for standing in shown for heading in standing.steps.values()]
        doubts = request.app.state.believed.doubtful(ledger, headings)
    return render(
        request,
        "board",
        title="Gate board",
        lines=[Line(s, {h.seq: doubts[h.seq] for h in s.steps.values() if h.seq in doubts}) for s in shown],
        columns=COLUMNS,
        counts={need: sum(standing.need is need for standing in mine) for need in Need},
        needs=Need,
        total=len(mine),
        found=len(chosen),
        q=q,
        show=show,
        shows=list(_SHOWN),
        page=page,
        pages=max(1, math.ceil(len(chosen) / ROWS)),
        declared=len(declared),
    )
