"""Rows that are near copies of held-out rows: a model trained on them would be examined on what it has seen.

Judged by the law that the data screen finds near duplicates by, at its stricter level, over all rows together. The
holdout is frozen and never changes for it: what is too near leaves training.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.dataset import DatasetVersion, iterate_batches
from assay.json_types import Json
from assay.records import Check, Verdict
from assay.workbench import Workbench
from tasks.screening.calibration import expected_false_rate
from tasks.screening.case import Case
from tasks.screening.near_copies import TOO_ALIKE, can_tell_copies
from tasks.screening.near_duplicates import FALSE_KEPT_OUT, MINIMUM_ROWS
from tasks.screening.near_looks import Looks, looks_of
from tasks.screening.near_neighbours import find_neighbours
from tasks.screening.row_parts import RowPart, describe_rows
from tasks.screening.row_strings import as_contents
from tasks.screening.rows import gather_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAMED = 100


@dataclass(frozen=True)
class HoldoutCopies:
    """is_copy: (admitted rows,). row_ids: of the copies. reason: why nothing was compared, empty when it was."""

    is_copy: "NDArray[np.bool_]"
    row_ids: tuple[str, ...] = ()
    reason: str = ""

    @property
    def checks(self) -> tuple[Check, ...]:
        """None where nothing was compared: that is no pass, and `facts` say why."""
        if self.reason:
            return ()
        few = f", such as {', '.join(self.row_ids[:3])}" if self.row_ids else ""
        detail = f"{len(self.row_ids)} rows left out of training as near copies of held-out rows{few}"
        return (Check("near copies of the holdout", Verdict.PASSED, detail, float(len(self.row_ids))),)

    @property
    def facts(self) -> Json:
        if self.reason:
            return {"not_looked_for": self.reason}
        return {"rows": len(self.row_ids), "row_ids": list(self.row_ids[:NAMED])}


def find_holdout_copies(
    admitted: DatasetVersion,
    train: "NDArray[np.bool_]",
    held: "NDArray[np.bool_]",
    frozen: Sequence[DatasetVersion],
    bench: Workbench,
) -> HoldoutCopies:
    """Among the admitted rows in `train`, of those in `held` or in a frozen segment. train, held: (admitted rows,)."""
    import numpy as np

    rows = gather_rows(_parts((admitted, *frozen), bench), admitted.kind)
    is_held = np.concatenate([held, np.ones(len(rows) - len(held), dtype=bool)])
    none = np.zeros(len(train), dtype=bool)
    if rows.kind == "tabular" and not can_tell_copies(rows):
        return HoldoutCopies(none, reason=TOO_ALIKE)
    first = as_contents(rows.contents).groups()
    distinct = np.flatnonzero(first == np.arange(len(first)))
    looks = looks_of(Case(rows), distinct) if len(distinct) >= MINIMUM_ROWS else None
    if looks is None:
        return HoldoutCopies(none, reason=f"{len(distinct)} different rows, too few or without numbers and text")
    known = np.zeros(len(rows), dtype=bool)
    known[first[is_held]] = True
    beside = np.zeros(len(rows), dtype=bool)
    beside[distinct] = _beside(looks, known[distinct])
    is_copy = train & beside[first][: len(train)] & ~known[first][: len(train)]
    return HoldoutCopies(is_copy, tuple(rows.row_ids[place] for place in np.flatnonzero(is_copy).tolist()))


def _parts(versions: Iterable[DatasetVersion], bench: Workbench) -> Iterator[RowPart]:
    for version in versions:
        for batch in iterate_batches(version, bench.store, bench.workdir):
            yield describe_rows(batch, version.kind, version.label, "")


def _beside(looks: Looks, held: "NDArray[np.bool_]") -> "NDArray[np.bool_]":
    """(rows,): near copies of a held row, whichever of the two the law accuses."""
    import numpy as np

    neighbours = find_neighbours(looks)
    rarest = neighbours.rarest
    accused = np.flatnonzero(expected_false_rate(rarest) <= FALSE_KEPT_OUT)
    near = neighbours.near(accused, float(rarest[accused].max(initial=0)))
    others = neighbours.nearest[accused]
    beside = np.zeros(len(held), dtype=bool)
    beside[accused[(near & held[others]).any(axis=1)]] = True
    beside[others[near & held[accused][:, None]]] = True
    return beside
