"""GET /search: by the beginning of any digest or name, by number, or by what the command line understands."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from assay.errors import SpecError
from assay.ledger import Ledger, LedgerEntry
from assay.lineage.database import Connection
from assay.lineage.refs import resolve
from assay.lineage.walk import Node, nodes_of
from assay.page.entries import entries_with_prefix
from assay.page.reader import Reader, pipeline_of, reader_of
from assay.page.rendering import render

router = APIRouter()
MOST = 50
_HEX = re.compile(r"[0-9a-f]{4,64}")
_VERSIONS = """
    SELECT DISTINCT ON (id) id, type, name, digest, at FROM assay_lineage.versions
    WHERE digest ~>=~ %s AND digest ~<~ %s ORDER BY id, signed DESC, at, name LIMIT %s
"""
# Of each name that begins so one version; a short beginning may have very many, so only as many as are shown are read.
_NAMED = """
    SELECT DISTINCT ON (name) named.* FROM unnest(%s::text[]) AS wanted (prefix) CROSS JOIN LATERAL (
        SELECT id, type, name, digest, at FROM assay_lineage.versions
        WHERE name ~>=~ wanted.prefix AND name ~<~ (wanted.prefix || chr(1114111)) LIMIT %s) named
    ORDER BY name, at DESC LIMIT %s
"""
_MOST_READ = 2000
_PIPELINES = """
    WITH RECURSIVE names (name) AS (
        (SELECT pipeline FROM assay_ledger.entries ORDER BY pipeline LIMIT 1)
        UNION ALL
        SELECT next.pipeline FROM names n CROSS JOIN LATERAL (
            SELECT pipeline FROM assay_ledger.entries WHERE pipeline > n.name ORDER BY pipeline LIMIT 1) next
    )
    SELECT name FROM names WHERE position(%s in lower(name)) > 0 AND position('.' in name) = 0 ORDER BY name LIMIT %s
"""


@dataclass(frozen=True)
class Found:
    """At most MOST of each, those that the reader may see."""

    pipelines: tuple[str, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    versions: tuple[Node, ...] = ()

    def __len__(self) -> int:
        return len(self.pipelines) + len(self.entries) + len(self.versions)


@router.get("/search")
def search(
    request: Request, reader: Annotated[Reader, Depends(reader_of)],
    q: Annotated[str, Query(max_length=1000)] = "",
) -> HTMLResponse:  # fmt: skip
    """Digests from four digits on."""
    words = q.strip().lower() if _HEX.fullmatch(q.strip().lower()) else q.strip()
    found = _find(request, words, reader) if words else Found()
    return render(request, "search", title="Search", q=q, found=found, most=MOST)


def _find(request: Request, words: str, reader: Reader) -> Found:
    engines = request.app.state.engines
    with engines.lineage().database.transaction() as connection:
        versions = {node.id: node for node in _versions(connection, words)}
    with engines.ledger() as ledger:
        entries = _entries(ledger, words)
        names = [row[0] for row in ledger.connection.execute(_PIPELINES, (words.lower(), MOST)).fetchall()]
    readable = reader.readable_of([*names, *(pipeline_of(node.name) for node in versions.values())])
    return Found(
        pipelines=tuple(name for name in names if name in readable),
        entries=tuple(reader.entries(entries)),
        versions=tuple(node for node in versions.values() if pipeline_of(node.name) in readable)[:MOST],
    )


def _entries(ledger: Ledger, words: str) -> list[LedgerEntry]:
    if words.isdecimal() and len(words) < 19 and (entry := next(ledger.entries(int(words), 1), None)):
        return [entry, *_by_digest(ledger, words)] if entry.seq == int(words) else _by_digest(ledger, words)
    return _by_digest(ledger, words)


def _by_digest(ledger: Ledger, words: str) -> list[LedgerEntry]:
    return entries_with_prefix(ledger, words, MOST) if _HEX.fullmatch(words) else []


def _versions(connection: Connection, words: str) -> list[Node]:
    if _HEX.fullmatch(words):
        return [Node(*row) for row in connection.execute(_VERSIONS, (words, words + "g", MOST))]
    begins = [words, *(f"{kind}/{words}" for kind in ("dataset", "model", "deployment"))]
    named = [Node(*row) for row in connection.execute(_NAMED, (begins, _MOST_READ, MOST))]
    return [*_meant(connection, words), *named]


def _meant(connection: Connection, words: str) -> tuple[Node, ...]:
    """What a reference such as model/NAME:3 stands for; nothing where it is none."""
    for reference in (words, f"model/{words}"):
        try:
            return nodes_of(connection, set(resolve(connection, reference, None)))
        except SpecError:
            continue
    return ()
