"""What is stated of one version: the panel beside the graph, and the same as a page of its own."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from assay.ledger import Ledger, LedgerEntry
from assay.lineage.walk import Node, nodes_of
from assay.page.reader import Reader, pipeline_of, reader_of
from assay.page.registrations import registrations, version_of, versions_before
from assay.page.rendering import links_of, render
from assay.quarantine.declaration import declarations_in_force
from assay.quarantine.marks import marks_of

router = APIRouter()
_MOST = 20


@dataclass(frozen=True)
class Evidence:
    """statements: about the version itself, newest first. bad: what speaks against it, or "".

    mlflow: (version, URL) of its registrations. compared: the version before the newest one, and that one.
    """

    node: Node
    pipeline: str
    statements: tuple[LedgerEntry, ...]
    is_cut: bool
    bad: str
    mlflow: tuple[tuple[str, str], ...]
    compared: tuple[str, str] | None


@router.get("/version")
def version(
    request: Request, reader: Annotated[Reader, Depends(reader_of)],
    id: Annotated[str, Query(min_length=1, max_length=1000)], fragment: bool = False,
) -> HTMLResponse:  # fmt: skip
    """id: as the graph names it. fragment: only the panel."""
    found = _evidence(request, id, reader)
    template = "evidence" if fragment else "version"
    return render(request, template, title=found.node.name, found=found, model=found.pipeline)


def _evidence(request: Request, id: str, reader: Reader) -> Evidence:
    engines = request.app.state.engines
    with engines.lineage().database.transaction() as connection:
        nodes = nodes_of(connection, {id})
    if not nodes:
        raise HTTPException(404, f"{id}: expected a known version, found none; search for it by digest or name.")
    node = nodes[0]
    reader.require(pipeline_of(node.name))
    with engines.ledger() as ledger:
        told = _statements(ledger, node)
        marks = marks_of([node], [], declarations_in_force(ledger).values())
        shown = tuple(reader.entries(told[:_MOST]))
        registered = registrations(shown)
        before = versions_before(ledger, registered[:1])
    links = links_of(request)
    versions = dict.fromkeys((entry.report.pipeline, version_of(entry)) for entry in registered)
    return Evidence(
        node=node,
        pipeline=pipeline_of(node.name),
        statements=shown,
        is_cut=len(told) > _MOST,
        bad=marks[node.id].words if node.id in marks else "",
        mlflow=tuple((v, url) for name, v in versions if (url := links.model_version(name, v))),
        compared=next(((version, version_of(registered[0])) for version in before.values()), None),
    )


def _statements(ledger: Ledger, node: Node) -> list[LedgerEntry]:
    if not node.digest:
        return []
    event = ledger.with_sha256(node.digest) if node.type == "actor" else None
    return [event] if event else ledger.find(subject_sha256=node.digest, limit=_MOST + 1)
