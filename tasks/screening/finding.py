"""What a detector is and what it says: a score a row, the rows it speaks against, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows


@dataclass(frozen=True)
class Finding:
    """One detector's answer over all rows.

    score: (rows,) in [0, 1], higher = worse. suspect: (rows,), what it speaks against. quarantined: the
    suspects it is sure enough about to keep out. expected_false_rate: (rows,), the share of sound rows one
    expects among the rows at least as suspicious as this one. reasons: one for every suspect, by its place.
    rule: the cut-off, in words. nearest: ids of rows that show why, by place, for as many suspects as it has any.
    """

    score: "NDArray[np.float64]"
    suspect: "NDArray[np.bool_]"
    quarantined: "NDArray[np.bool_]"
    expected_false_rate: "NDArray[np.float64]"
    reasons: Mapping[int, str]
    rule: str
    nearest: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class NotJudged:
    """The detector cannot work on these rows; `reason` says why."""

    reason: str


class Detector(Protocol):
    """One kind of bad row: how to find it, and how to make one that is known to be bad."""

    name: str

    def judge(self, case: "Case") -> Finding | NotJudged:
        """Judge every row; deterministic in the case.

        At most about `case.false_quarantine_rate` of the sound rows may be quarantined.
        """

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """A copy of `rows` in which the rows at `places` are of this detector's kind: its canaries.

        `places` are in the order of `rows`; how many of them there are is the caller's choice. NotJudged when
        such rows cannot be made from these, which leaves the detector unproven.
        """


def plant_safely(
    detector: Detector, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
) -> "ScreenRows | NotJudged":
    """A detector whose planting breaks is unproven."""
    try:
        return detector.plant(rows, places, generator)
    except Exception as error:  # noqa: BLE001 - whatever breaks in a detector is told as its verdict
        return NotJudged(f"it broke: {type(error).__name__}: {error}")


def judge_safely(detector: Detector, case: "Case") -> Finding | NotJudged:
    """A detector that breaks has not judged: one fault must neither end the screen nor count as a pass."""
    try:
        return detector.judge(case)
    except Exception as error:  # noqa: BLE001 - whatever breaks in a detector is told as its verdict
        return NotJudged(f"it broke: {type(error).__name__}: {error}")
