"""The one door for walks: a reference as a person writes it in, the walk out."""

from datetime import datetime

from assay.lineage.rows import ROW_REFERENCE, walk_row
from assay.lineage.store import LineageStore
from assay.lineage.walk import Direction, Walk, walk
from assay.settings import Settings
from assay.store import open_store


def ask(
    lineage: LineageStore, settings: Settings, direction: Direction, reference: str, until: datetime | None = None
) -> Walk:
    """What `reference` came from or became, as known at `until`; rows are looked up in the artifact store.

    Raises SpecError when the reference is not understood, unknown or ambiguous.
    """
    if ROW_REFERENCE.fullmatch(reference):
        return walk_row(lineage, open_store(settings), direction, reference, until)
    return walk(lineage, direction, reference, until)
