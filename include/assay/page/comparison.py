"""GET /diff: what differs between two models: data, code, parameters, environment, verdicts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from assay.page.reader import Reader, pipeline_of, reader_of
from assay.page.rendering import render
from assay.questions.diff import diff_dossiers
from assay.questions.dossier import open_dossier
from assay.store import open_store

router = APIRouter()
_Reference = Annotated[str, Query(min_length=1, max_length=1000)]


@router.get("/diff")
def diff(request: Request, reader: Annotated[Reader, Depends(reader_of)], a: _Reference, b: _Reference) -> HTMLResponse:
    """a, b: model/NAME[:VERSION|@ALIAS|@DIGEST] or a digest."""
    engines = request.app.state.engines
    for reference in (a, b):
        reader.require(pipeline_of(reference))
    lineage = engines.lineage()
    with engines.ledger() as ledger:
        of_a, of_b = (open_dossier(reference, ledger, lineage) for reference in (a, b))
    for dossier in (of_a, of_b):
        reader.require(pipeline_of(dossier.model.name))
    found = diff_dossiers(of_a, of_b, open_store(engines.settings))
    return render(
        request, "diff", title=f"{a} compared with {b}", found=found, a=a, b=b, model=pipeline_of(found.b.model.name)
    )
