"""What a detector is and what it says: a score a row, the rows it speaks against, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows


@dataclass(frozen=True)
class Finding:
    """One detector's answer over all rows.

    score: (rows,) in [0, 1], higher = worse. suspect: (rows,), what it speaks against. quarantined: the
    suspects it is sure enough about to keep out. expected_false_rate: (rows,), how probably the row is
    sound after all. reasons: one for every suspect, by its place. rule: the cut-off, in words.
    """

    score: "NDArray[np.float64]"
    suspect: "NDArray[np.bool_]"
    quarantined: "NDArray[np.bool_]"
    expected_false_rate: "NDArray[np.float64]"
    reasons: Mapping[int, str]
    rule: str


@dataclass(frozen=True)
class NotJudged:
    """The detector cannot work on these rows; `reason` says why."""

    reason: str


class Detector(Protocol):
    """`find_duplicates`, `find_label_issues`, `find_outliers`: deterministic in the rows, the rate and the seed."""

    def __call__(self, rows: "ScreenRows", false_quarantine_rate: float, seed: int) -> Finding | NotJudged:
        """Judge every row. At most about `false_quarantine_rate` of sound rows may be quarantined."""
