"""GET /lineage: the graph around a version, drawn and as a table; what is too much to draw is told."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from assay.lineage.moment import parse_moment
from assay.lineage.question import ask
from assay.lineage.walk import Direction, Walk
from assay.page.drawing import draw
from assay.page.reader import Reader, pipeline_of, reader_of
from assay.page.rendering import render
from assay.quarantine.declaration import declarations_in_force
from assay.quarantine.marks import marks_of

router = APIRouter()
MOST_DRAWN = 1000
Way = Literal["both", "up", "down"]


@router.get("/lineage")
def lineage(
    request: Request,
    reader: Annotated[Reader, Depends(reader_of)],
    ref: Annotated[str, Query(min_length=1, max_length=1000)],
    way: Way = "both",
    at: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_DRAWN)] = 200,
) -> HTMLResponse:
    """limit: nodes each way. at: as known at that time."""
    engines = request.app.state.engines
    store, until = engines.lineage(), parse_moment(at or None)
    ways = (Direction.UP, Direction.DOWN) if way == "both" else (Direction(way),)
    walks = [ask(store, engines.settings, one, ref, until, limit) for one in ways]
    _require_seeds(reader, walks)
    with engines.ledger() as ledger:
        declared = declarations_in_force(ledger)
    marks = marks_of(
        {node.id: node for walk in walks for node in walk.nodes}.values(),
        [edge for walk in walks for edge in walk.edges],
        declared.values(),
    )
    drawing = draw(walks, reader, {id: mark.words for id, mark in marks.items()})
    seed = next((node for node in drawing.nodes if node.is_seed), None)
    return render(
        request,
        "lineage",
        title=f"Lineage of {ref}",
        drawing=drawing,
        ref=ref,
        way=way,
        at=at,
        limit=limit,
        most=MOST_DRAWN,
        model=pipeline_of(seed.name) if seed else "",
        stages=sorted({node.stage for node in drawing.nodes}),
    )


def _require_seeds(reader: Reader, walks: list[Walk]) -> None:
    names = {node.id: node.name for walk in walks for node in walk.nodes}
    for seed in walks[0].seeds:
        # A row's seed is called row/DATASET/ID.
        name = names.get(seed, seed)
        reader.require(pipeline_of(name.replace("row/", "dataset/", 1) if name.startswith("row/") else name))
