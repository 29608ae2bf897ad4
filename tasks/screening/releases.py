"""Rows that a person let back in: signed, with a reason, for the row as it was, and until revoked."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from assay.dataset import ROW_ID, DatasetVersion, iterate_batches
from assay.json_types import Json, JsonObject
from assay.ledger import Ledger
from assay.records import Check, Step, Verdict
from assay.row_content import Likeness, row_digests

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.workbench import Workbench
    from tasks.screening.rows import ScreenRows

_EVERY = 1_000_000
_MOST_TOLD = 50


@dataclass(frozen=True)
class Release:
    """content: of the released row, label included. by: who signed. statement: the sha256 of the signed envelope."""

    row_id: str
    content: str
    reason: str
    by: str
    statement: str

    def to_json(self) -> JsonObject:
        return {"row_id": self.row_id, "reason": self.reason, "by": self.by, "statement": self.statement}


@dataclass(frozen=True)
class Releases:
    """holding: of rows as they are in the version. void: of rows that have changed since, which stay judged."""

    holding: tuple[Release, ...] = ()
    void: tuple[Release, ...] = ()

    def mask(self, rows: "ScreenRows") -> "NDArray[np.bool_]":
        """(rows,): which are released."""
        import numpy as np

        ids = {release.row_id for release in self.holding}
        return np.array([row_id in ids for row_id in rows.row_ids], dtype=bool)

    def facts(self) -> dict[str, Json]:
        """For the screen's statement; empty without releases."""
        if not self.holding and not self.void:
            return {}
        told: list[Json] = [release.to_json() for release in self.holding[:_MOST_TOLD]]
        return {"released": len(self.holding), "releases": told, "void_releases": len(self.void)}

    def checks(self) -> tuple[Check, ...]:
        """One line where there are any."""
        if not self.holding and not self.void:
            return ()
        who = ", ".join(sorted({release.by for release in self.holding})) or "nobody"
        words = f"{len(self.holding)} rows released by {who}"
        if self.void:
            words += f"; {len(self.void)} releases are void, for their rows have changed or are gone"
        return (Check("releases", Verdict.PASSED, words, float(len(self.holding))),)


def releases_in_force(ledger: Ledger, pipeline: str) -> dict[str, Release]:
    """By row id: what was released and not revoked since. Raises IntegrityError when a statement does not verify."""
    found: dict[str, Release] = {}
    for entry in ledger.find(step=Step.RELEASE, pipeline=pipeline, newest_first=False, limit=_EVERY):
        facts = entry.report.facts
        for row in cast("list[JsonObject]", facts["rows"]):
            row_id = str(row["row_id"])
            if facts["revoked"]:
                found.pop(row_id, None)
            else:
                by = entry.context.actor
                found[row_id] = Release(row_id, str(row["content"]), str(facts["reason"]), by, entry.sha256)
    return found


def releases_for(version: DatasetVersion, pipeline: str, bench: "Workbench") -> Releases:
    """Those in force, held against the rows as they are now."""
    wanted = releases_in_force(bench.ledger, pipeline)
    if not wanted:
        return Releases()
    contents = row_contents(version, wanted, bench)
    holds = {one for one, release in wanted.items() if contents.get(one) == release.content}
    return Releases(
        tuple(release for one, release in wanted.items() if one in holds),
        tuple(release for one, release in wanted.items() if one not in holds),
    )


def row_contents(version: DatasetVersion, row_ids: Collection[str], bench: "Workbench") -> dict[str, str]:
    """Digest of everything but the id, label included, of those of the rows that the version has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(sorted(row_ids), pa.string())
    contents: dict[str, str] = {}
    for batch in iterate_batches(version, bench.store, bench.workdir):
        found = batch.filter(pc.is_in(batch.column(ROW_ID).cast(pa.string()), wanted))
        if found.num_rows:
            columns = sorted(name for name in found.schema.names if name != ROW_ID)
            digests = row_digests(found, columns, Likeness.EXACT)
            contents |= dict(zip(found.column(ROW_ID).to_pylist(), map(bytes.hex, digests), strict=True))
    return contents
