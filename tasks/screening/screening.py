"""Run the detectors and their canaries over one dataset; what they say together decides who stays out."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.records import Check, Verdict, combined_verdict
from tasks.screening.canaries import Canary, run_canaries
from tasks.screening.case import Case
from tasks.screening.finding import Detector, Finding, NotJudged, judge_safely

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class DetectorRun:
    """One detector's answer on the dataset, its canary, and how long both took in seconds."""

    name: str
    found: Finding | NotJudged
    canary: Canary
    seconds: float

    @property
    def check(self) -> Check:
        """`not_checked` when it could not judge or missed its canaries."""
        if isinstance(self.found, NotJudged):
            return Check(self.name, Verdict.NOT_CHECKED, self.found.reason)
        suspects, kept_out = int(self.found.suspect.sum()), int(self.found.quarantined.sum())
        words = f"{suspects} suspects, {kept_out} quarantined; rule: {self.found.rule}"
        if self.canary.flaw:
            return Check(self.name, Verdict.NOT_CHECKED, f"blind: {self.canary.flaw}; {words}")
        seen = f"it found {self.canary.recall:.0%} of {self.canary.planted} planted rows"
        return Check(self.name, Verdict.PASSED, f"{words}; {seen}", float(suspects))


@dataclass(frozen=True)
class Screening:
    """All runs over one case. score: (rows,), the worst of all detectors'.

    quarantined: (rows,), kept out by any detector and not let back in by a person. released: (rows,), those let in.
    """

    case: Case
    runs: tuple[DetectorRun, ...]
    quarantined: "NDArray[np.bool_]"
    score: "NDArray[np.float64]"
    checks: tuple[Check, ...]
    released: "NDArray[np.bool_] | None" = None

    @property
    def verdict(self) -> Verdict:
        return combined_verdict(self.checks)

    @property
    def findings(self) -> Mapping[str, Finding]:
        """By detector, of those that could judge."""
        return {run.name: run.found for run in self.runs if isinstance(run.found, Finding)}


def screen_rows(
    case: Case,
    detectors: Sequence[Detector],
    max_quarantined: float,
    say: Callable[[str], None],
    released: "NDArray[np.bool_] | None" = None,
) -> Screening:
    """Judge every row. max_quarantined: the share above which the whole dataset is refused.

    released: (rows,), those that stay whatever is found, by a person's word.
    """
    import numpy as np

    say("planting canaries")
    canaries = run_canaries(case, detectors)
    runs = tuple(_run(detector, case, canaries[detector.name], say) for detector in detectors)
    findings = [run.found for run in runs if isinstance(run.found, Finding)]
    quarantined, score = np.zeros(len(case.rows), dtype=bool), np.zeros(len(case.rows))
    for finding in findings:
        quarantined |= finding.quarantined
        score = np.maximum(score, finding.score)
    if released is not None:
        quarantined &= ~released
    checks = (*(run.check for run in runs), _judge_share(int(quarantined.sum()), len(case.rows), max_quarantined))
    return Screening(case, runs, quarantined, score, checks, released)


def _run(detector: Detector, case: Case, canary: Canary, say: Callable[[str], None]) -> DetectorRun:
    started = time.perf_counter()
    found = judge_safely(detector, case)
    run = DetectorRun(detector.name, found, canary, time.perf_counter() - started)
    say(f"{run.name}: {run.check.verdict.value} in {run.seconds:.1f} s: {run.check.detail}")
    return run


def _judge_share(quarantined: int, rows: int, max_quarantined: float) -> Check:
    share = quarantined / rows if rows else 1.0
    holds = share <= max_quarantined
    words = f"{quarantined} of {rows} rows quarantined" + ("" if holds else ": the whole version is refused")
    verdict = Verdict.PASSED if holds else Verdict.FAILED
    return Check("quarantined_share", verdict, words, share, max_quarantined)
