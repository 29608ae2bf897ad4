"""The rule on fairness: a statement that does not say it refuses."""

from typing import Any

import pytest

from assay.fairness_bound import FairnessBound
from assay.policy import Case
from assay.records import Verdict
from tests.assay.test_policy import CASE

FOUND: dict[str, Any] = {"value": 0.82, "ci95": [0.7, 0.9], "lowest": "f 0.32", "highest": "m 0.39"}
RULE = FairnessBound("selection_rate_ratio", "sex", None, 0.8, None)


class Told(Case):
    """A case whose assay statement says `facts.fairness.sex`."""

    def __init__(self, told: object) -> None:
        super().__init__(CASE.pipeline, CASE.now, {})
        object.__setattr__(self, "told", told)

    def measured(self, table: str, metric: str) -> object:
        return self.told if (table, metric) == ("fairness", "sex") else None  # type: ignore[attr-defined]


def case(**found: Any) -> Case:
    return Told({"positive": 1, "measures": {"selection_rate_ratio": FOUND | found}})


def test_the_point_passes_and_the_unfavourable_end_does_not() -> None:
    assert RULE.judge(case()).verdict is Verdict.PASSED
    confident = FairnessBound("selection_rate_ratio", "sex", None, 0.8, None, confident=True).judge(case())
    assert confident.verdict is Verdict.FAILED
    assert (confident.measured, confident.threshold) == (0.7, 0.8)


def test_of_a_difference_the_upper_end_is_the_unfavourable_one() -> None:
    told = Told({"positive": 1, "measures": {"accuracy_difference": FOUND | {"value": 0.02, "ci95": [0.0, 0.06]}}})
    rules = [FairnessBound("accuracy_difference", "sex", None, None, 0.05, confident=sure) for sure in (False, True)]
    assert [rule.judge(told).verdict for rule in rules] == [Verdict.PASSED, Verdict.FAILED]


def test_a_refusal_names_both_groups_and_the_bound() -> None:
    check = RULE.judge(case(value=0.33))
    assert check.verdict is Verdict.FAILED
    assert check.name == "selection_rate_ratio by sex"
    assert "is 0.3300, demanded ≥ 0.8: lowest f 0.32, highest m 0.39" in check.detail


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"positive": 1},
        {"positive": 1, "measures": {}},
        {"positive": 1, "measures": {"selection_rate_ratio": {}}},
        {"positive": 1, "measures": {"selection_rate_ratio": FOUND | {"value": None}}},
        {"positive": 1, "measures": {"selection_rate_ratio": {"problem": "needs 30 rows in every group: f has 3"}}},
        {"positive": 0, "measures": {"selection_rate_ratio": FOUND}},
        {"positive": 1, "problem": "the rows have no column 'sex'", "measures": {"selection_rate_ratio": FOUND}},
    ],
)
def test_whatever_was_not_measured_refuses(told: object) -> None:
    check = RULE.judge(Told(told))
    assert check.verdict is Verdict.NOT_CHECKED
    assert "expected selection_rate_ratio by sex ≥ 0.8: " in check.detail


def test_a_number_that_is_none_refuses() -> None:
    assert RULE.judge(case(value=float("nan"))).verdict is Verdict.FAILED
