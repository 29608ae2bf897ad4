"""Proof that the detectors are not blind: known bad rows in a copy of a sample, which they must find.

All kinds are planted in one sample, each at places of its own, so that costly models are made once. Planted rows
live in that copy only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.screening.case import Case
from tasks.screening.finding import Detector, NotJudged, judge_safely, plant_safely

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows

SAMPLE_ROWS = 4_000
SHARE = 0.03
FEWEST = 8
LEAST_RECALL = 0.5
MOST_ACCUSED = 0.3


@dataclass(frozen=True)
class Canary:
    """recall: the share of planted rows among the detector's suspects. accused: the share of all other rows.

    flaw: why the detector counts as blind, in words; empty when it sees.
    """

    planted: int
    recall: float
    accused: float
    flaw: str = ""


def run_canaries(case: Case, detectors: Sequence[Detector]) -> Mapping[str, Canary]:
    """One canary a detector, by its name."""
    import numpy as np

    generator = np.random.default_rng(case.seed)
    sample = _sample(case.rows, generator)
    planted, places, unplanted = sample, _places(len(sample), detectors, generator), {}
    for detector in detectors:
        grown = plant_safely(detector, planted, places[detector.name], generator)
        if isinstance(grown, NotJudged):
            unplanted[detector.name] = Canary(0, 0.0, 0.0, f"no canary could be planted: {grown.reason}")
        else:
            planted = grown
    inspected = replace(case, rows=planted)
    everywhere = np.concatenate([np.zeros(0, np.int64), *places.values()])
    return {d.name: unplanted.get(d.name) or _canary(d, inspected, places[d.name], everywhere) for d in detectors}


def _sample(rows: "ScreenRows", generator: "np.random.Generator") -> "ScreenRows":
    """In the rows' order, which some detectors read."""
    import numpy as np

    if len(rows) <= SAMPLE_ROWS:
        return rows
    return rows.take(np.sort(generator.choice(len(rows), SAMPLE_ROWS, replace=False)))


def _places(
    rows: int, detectors: Sequence[Detector], generator: "np.random.Generator"
) -> dict[str, "NDArray[np.int64]"]:
    """Places of its own for every detector: `canary_share` of the rows, by default 3 %."""
    import numpy as np

    most = rows // (2 * max(len(detectors), 1))
    shares = [getattr(detector, "canary_share", SHARE) for detector in detectors]
    ends = np.cumsum([0, *(min(max(FEWEST, round(share * rows)), most) for share in shares)])
    shuffled = generator.permutation(rows)
    return {d.name: np.sort(shuffled[ends[index] : ends[index + 1]]) for index, d in enumerate(detectors)}


def _canary(detector: Detector, case: Case, places: "NDArray[np.int64]", everywhere: "NDArray[np.int64]") -> Canary:
    import numpy as np

    found = judge_safely(detector, case)
    if isinstance(found, NotJudged):
        return Canary(len(places), 0.0, 0.0, f"not judged: {found.reason}")
    recall = float(found.suspect[places].mean()) if len(places) else 0.0
    accused = float(np.delete(found.suspect, everywhere).mean())
    flaw = ""
    if recall < LEAST_RECALL:
        flaw = f"it found {recall:.0%} of {len(places)} planted rows, at least {LEAST_RECALL:.0%} demanded"
    elif accused > MOST_ACCUSED:
        flaw = f"it accused {accused:.0%} of the other rows, at most {MOST_ACCUSED:.0%} allowed"
    return Canary(len(places), recall, accused, flaw)
