"""What people declared bad is kept out whatever the detectors find: rows one by one, a version or source whole."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.json_types import Json
from assay.quarantine.declaration import Kind, declarations_in_force
from assay.quarantine.objections import statement_meets
from assay.records import Check, Step, Subject, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.workbench import Workbench
    from tasks.screening.cleaning import Cleaning
    from tasks.screening.rows import ScreenRows
    from tasks.screening.screening import Screening


@dataclass(frozen=True)
class DeclaredBad:
    """rows: ids of the dataset's rows. whole: why the version as such is refused, in words."""

    rows: frozenset[str] = frozenset()
    whole: tuple[str, ...] = ()

    def judged(self, screening: "Screening") -> "Screening":
        """With its rows in quarantine and a check of its own; the rest of the screen is as it was."""
        if not self.rows and not self.whole:
            return screening
        mask = self._mask(screening.case.rows)
        verdict = Verdict.FAILED if self.whole else Verdict.PASSED
        words = "; ".join(self.whole) or f"{int(mask.sum())} rows declared bad are kept out"
        check = Check("declared bad", verdict, words, float(mask.sum()))
        return replace(screening, quarantined=screening.quarantined | mask, checks=(*screening.checks, check))

    def kept_out(self, cleaning: "Cleaning", rows: "ScreenRows") -> "Cleaning":
        """A row declared bad is not mended either."""
        return replace(cleaning, kept=cleaning.kept & ~self._mask(rows)) if self.rows else cleaning

    def facts(self) -> dict[str, Json]:
        """For the screen's statement; empty where nothing is declared."""
        return {"declared_bad": len(self.rows)} if self.rows else {}

    def _mask(self, rows: "ScreenRows") -> "NDArray[np.bool_]":
        import numpy as np

        return np.array([row_id in self.rows for row_id in rows.row_ids], dtype=bool)


def declared_bad(raw: Subject, bench: "Workbench") -> DeclaredBad:
    """What is in force against the version, by its own statements. Raises IntegrityError when one does not verify."""
    declared = declarations_in_force(bench.ledger).values()
    if not declared:
        return DeclaredBad()
    dataset = raw.name.removeprefix("dataset/")
    rows = (d.bad.rows for d in declared if d.bad.kind is Kind.ROWS and d.bad.name == dataset)
    collected = bench.ledger.find(subject_sha256=raw.sha256, step=Step.COLLECT, limit=1)
    met = (d for d in declared if d.bad.kind is not Kind.ROWS)
    whole = tuple(d.words for d in met if any(statement_meets(d.bad, entry, bench.store) for entry in collected))
    return DeclaredBad(frozenset().union(*rows), whole)
