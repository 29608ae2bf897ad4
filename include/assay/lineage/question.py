"""The one door for walks: a reference as a person writes it in, the walk out."""

import contextlib
from datetime import datetime

from assay.erasure import Erasures
from assay.ledger import Ledger
from assay.lineage.refs import check_writable, is_digest, is_source, understood
from assay.lineage.rows import ROW_REFERENCE, walk_row
from assay.lineage.store import LineageStore
from assay.lineage.walk import DEFAULT_LIMIT, Direction, Walk, walk
from assay.settings import Settings
from assay.store import open_store


def check_reference(reference: str) -> None:
    """Raises SpecError, without asking the database, when `reference` has no form that `ask` understands."""
    check_writable(reference)
    if not (ROW_REFERENCE.fullmatch(reference) or is_digest(reference) or is_source(reference)):
        understood(reference)


def ask(
    lineage: LineageStore,
    settings: Settings,
    direction: Direction,
    reference: str,
    until: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    ends: tuple[str, ...] = (),
) -> Walk:
    """What `reference` came from or became, as known at `until`; rows are looked up in the artifact store.

    limit, ends: as in `assay.lineage.walk.Way`.

    Raises SpecError when the reference is not understood, unknown or ambiguous.
    """
    check_reference(reference)
    if ROW_REFERENCE.fullmatch(reference):
        with contextlib.closing(Ledger.open(settings)) as ledger:
            erasures = Erasures.of(ledger)
        return walk_row(lineage, open_store(settings), direction, reference, until, limit, ends, erasures)
    return walk(lineage, direction, reference, until, limit, ends)
