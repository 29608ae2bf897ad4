"""Labels that our own model gave are kept out, by what their provenance says and by nothing else."""

import numpy as np

from assay.sources.captured import model_labelled_id
from tasks.screening.case import Case
from tasks.screening.feedback import Feedback
from tasks.screening.finding import Finding
from tasks.screening.rows import ScreenRows


def rows(*row_ids: str) -> ScreenRows:
    contents = tuple(row_id.encode() for row_id in row_ids)
    return ScreenRows("tabular", row_ids, contents, np.zeros(len(row_ids), np.int64), ("0",), None, None)


def test_rows_that_our_model_labelled_are_quarantined_and_its_version_is_named() -> None:
    found = Feedback().judge(Case(rows("captured-q-0", model_labelled_id("r:1", 3, "spam:v/7"), "m1")))
    assert isinstance(found, Finding)
    assert found.quarantined.tolist() == [False, True, False]
    assert found.expected_false_rate.tolist() == [1.0, 0.0, 1.0]
    assert "version spam:v/7 of our own model" in found.reasons[1]


def test_rows_of_unknown_provenance_are_not_accused() -> None:
    found = Feedback().judge(Case(rows("0", "captured-by-ann-0", "by-model:3:q-0")))
    assert isinstance(found, Finding)
    assert not found.suspect.any()


def test_planted_feedback_is_found_and_nothing_else() -> None:
    places = np.array([1, 3])
    planted = Feedback().plant(rows("a", "b", "c", "d"), places, np.random.default_rng(0))
    assert isinstance(planted, ScreenRows)
    found = Feedback().judge(Case(planted))
    assert isinstance(found, Finding)
    assert np.flatnonzero(found.suspect).tolist() == [1, 3]
