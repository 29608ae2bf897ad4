"""A detector that is broken on purpose misses its canaries, and what it says counts for nothing."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from assay.records import Verdict
from tasks.screening.canaries import run_canaries
from tasks.screening.case import Case
from tasks.screening.detectors import BY_KIND, DETECTORS, choose_detectors
from tasks.screening.finding import Detector, Finding
from tasks.screening.rows import ScreenRows
from tasks.screening.screening import screen_rows


class Broken:
    """A detector whose judgement is a constant."""

    def __init__(self, detector: Detector, verdict: bool) -> None:
        self.name, self.plant, self.verdict = detector.name, detector.plant, verdict

    def judge(self, case: Case) -> Finding:
        suspect = np.full(len(case.rows), self.verdict)
        return Finding(
            np.full(len(case.rows), 0.5), suspect, np.zeros(len(case.rows), dtype=bool), np.ones(len(case.rows)),
            dict.fromkeys(range(len(case.rows)), "always"), "a constant",
        )  # fmt: skip


@pytest.fixture(scope="module")
def case() -> Iterator[Case]:
    data = load_digits()
    rows = ScreenRows(
        kind="image",
        row_ids=tuple(f"row-{index}" for index in range(len(data.target))),
        contents=tuple(str(index).encode() for index in range(len(data.target))),
        labels=data.target.astype(np.int64),
        classes=tuple("0123456789"),
        features=data.data.astype(np.float32),
        texts=None,
        shape=(8, 8),
        sources=np.arange(len(data.target)) % 3,
        source_names=("ann", "bob", "cy"),
    )
    yield Case(rows)


@pytest.mark.parametrize("verdict", [False, True])
def test_every_detector_that_answers_with_a_constant_is_found_out(case: Case, verdict: bool) -> None:
    broken = [Broken(DETECTORS[name], verdict) for name in (*BY_KIND["image"], "sources")]
    screening = screen_rows(case, broken, 0.1, lambda _: None)
    assert screening.verdict is Verdict.NOT_CHECKED
    judged = {check.name: check for check in screening.checks if check.name != "quarantined_share"}
    assert {check.verdict for check in judged.values()} == {Verdict.NOT_CHECKED}
    assert all("blind" in check.detail for check in judged.values())


def test_every_image_detector_finds_its_canaries_in_clean_digits(case: Case) -> None:
    found = run_canaries(case, choose_detectors(None, case.rows))
    assert {name: canary.flaw for name, canary in found.items() if canary.flaw} == {}
    assert all(canary.planted >= 8 for canary in found.values())


def test_planted_rows_never_reach_the_rows_that_are_judged(case: Case) -> None:
    before: dict[str, Any] = {"labels": case.rows.labels.copy(), "features": case.rows.features.copy()}  # type: ignore[union-attr]
    run_canaries(case, choose_detectors(None, case.rows))
    assert np.array_equal(case.rows.labels, before["labels"])
    assert np.array_equal(case.rows.features, before["features"])
    assert case.rows.source_names == ("ann", "bob", "cy")
