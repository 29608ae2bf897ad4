"""GET /controls: what frameworks demand of a model, what evidences it, and plainly where nothing does."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from assay.controls.control_map import Control, Standing, control_map
from assay.page.reader import Reader, pipeline_of, reader_of
from assay.page.rendering import render
from assay.questions.dossier import open_dossier

router = APIRouter()
# Class, sign and words, as verdicts have them.
_MARKS = {
    Standing.EVIDENCED: ("good", "✓"),
    Standing.PARTLY: ("unsure", "◐"),
    Standing.AGAINST: ("bad", "✕"),
    Standing.NOT_EVIDENCED: ("unsure", "–"),
}


@router.get("/controls")
def controls(
    request: Request, reader: Annotated[Reader, Depends(reader_of)],
    ref: Annotated[str, Query(min_length=1, max_length=1000)],
) -> HTMLResponse:  # fmt: skip
    """ref: model/NAME[:VERSION|@ALIAS|@DIGEST] or a digest."""
    engines = request.app.state.engines
    reader.require(pipeline_of(ref))
    lineage = engines.lineage()
    with engines.ledger() as ledger:
        dossier = open_dossier(ref, ledger, lineage)
        reader.require(pipeline_of(dossier.model.name))
        found = control_map(dossier, ledger)
    frameworks: dict[str, list[Control]] = {}
    for control in found.controls:
        frameworks.setdefault(control.framework, []).append(control)
    return render(
        request, "controls", title=f"Control map of {ref}", model=pipeline_of(dossier.model.name), dossier=dossier,
        frameworks=frameworks, counts=found.counts(), marks=_MARKS,
    )  # fmt: skip
