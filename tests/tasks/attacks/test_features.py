"""Attacks on tables find what is known to be there, and keep to what the data know."""

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import SpecError
from assay.records import Verdict
from assay.spec import FeatureThreat
from tasks.attacks.asking import Asking, Search, UnusableAnswer
from tasks.attacks.features.canaries import sees
from tasks.attacks.features.constraints import Constraints, learn_constraints
from tasks.attacks.features.law import within
from tasks.attacks.features.moves import changed, drawn, options, projected
from tasks.attacks.features.positions import column_of, positions_of
from tasks.attacks.features.suite import FeaturesResult, attack_features, makers

THREAT = FeatureThreat(norm="features", epsilon=0.2, most=2, queries=300)
ROWS = 300
AGE, HOURS, SCORE, PLAN, RED, GREEN, BLUE = range(7)


def people(seed: int = 0) -> np.ndarray:
    """Whole ages and hours, a score in [0, 1], a code of three plans, a colour as three flags."""
    generator = np.random.default_rng(seed)
    colour = np.eye(3)[generator.integers(0, 3, ROWS)]
    ages, hours = generator.integers(18, 80, ROWS), generator.integers(0, 101, ROWS)
    ages[:2], hours[:2] = (18, 79), (0, 100)
    score = generator.random(ROWS)
    score[:2] = 0, 1
    return np.column_stack([ages, hours, score, generator.integers(0, 3, ROWS), colour]).astype(np.float32)


def said(score: np.ndarray) -> np.ndarray:
    odds = 1 / (1 + np.exp(-np.clip(score, -30, 30)))
    return np.stack([1 - odds, odds], axis=1)


def sharp(score: np.ndarray) -> np.ndarray:
    """As a tree that is always sure."""
    return np.stack([1 - (score > 0), score > 0], axis=1).astype(float)


def attack(
    score: Any, threat: FeatureThreat = THREAT, fixed: frozenset[int] = frozenset(), answers: Any = said
) -> tuple[FeaturesResult, np.ndarray]:
    rows = people()
    truth = (score(rows) > 0).astype(np.int64)
    made = attack_features(
        lambda asked: answers(score(asked)), rows[:40], truth[:40], learn_constraints(rows, fixed), threat,
        corpus=(rows, truth),
    )  # fmt: skip
    return made, rows[:40]


def test_constraints_are_those_of_the_data() -> None:
    found = learn_constraints(people(), frozenset({AGE}))
    assert found.groups == ((RED, GREEN, BLUE),)
    assert found.columns[HOURS].whole and not found.columns[SCORE].whole
    assert found.columns[PLAN].values == (0, 1, 2) and not found.columns[AGE].is_code
    assert found.attributes == ((RED, GREEN, BLUE), (HOURS,), (SCORE,), (PLAN,))


@pytest.mark.parametrize("answers", [said, sharp])
def test_rows_fall_that_lie_within_reach_of_the_threshold_and_no_others(answers: Any) -> None:
    made, rows = attack(lambda asked: asked[:, HOURS].astype(float) - 50.5, answers=answers)
    near = np.abs(rows[:, HOURS] - 50.5) < 20
    assert made.found.clean.all() and made.found.robust.tolist() == (~near).tolist()
    assert {moved.changes for moved in made.found.moved.values()} == {1}
    assert {check.verdict for check in made.checks} == {Verdict.PASSED}
    assert made.found.queries.max() <= THREAT.queries


def test_the_curve_is_that_of_the_distances_to_the_threshold() -> None:
    made, rows = attack(lambda asked: asked[:, SCORE].astype(float) - 0.5)
    distances = np.abs(rows[:, SCORE] - 0.5)
    for epsilon in (0.05, 0.1, 0.2):
        assert made.found.accuracy_at(epsilon) == pytest.approx((distances > epsilon).mean(), abs=0.05)
        assert made.found.accuracy_at(epsilon) >= (distances > epsilon).mean()


def test_columns_that_only_matter_together_are_found_together() -> None:
    def pair(asked: np.ndarray) -> np.ndarray:
        return 0.5 - np.minimum(asked[:, PLAN] == 2, asked[:, BLUE] == 1).astype(float)

    one, rows = attack(pair, THREAT.model_copy(update={"most": 1}), answers=sharp)
    both, _ = attack(pair, THREAT.model_copy(update={"queries": 1000}), answers=sharp)
    far = (rows[:, PLAN] != 2) & (rows[:, BLUE] != 1)
    assert far.any() and one.found.robust.tolist() == far.tolist()
    assert not both.found.robust.any()


def test_a_fixed_column_never_moves_and_a_model_of_it_stands() -> None:
    made, _ = attack(lambda asked: asked[:, AGE].astype(float) - 40.5, fixed=frozenset({AGE}))
    assert made.found.robust.all()
    assert {check.verdict for check in made.checks} == {Verdict.PASSED}, "freed, the column fells every row"


def test_a_model_that_no_column_moves_is_not_called_robust() -> None:
    made, _ = attack(lambda asked: np.full(len(asked), 2.0))
    assert {check.name: check.verdict for check in made.checks}["unbounded attack wins"] is Verdict.NOT_CHECKED


def test_attacks_are_repeatable() -> None:
    def tangled(asked: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(7 * asked[:, SCORE]) + np.sin(asked[:, HOURS] / 9) * (asked[:, PLAN] - 1))

    (first, _), (second, _) = attack(tangled), attack(tangled)
    assert np.array_equal(first.found.adversarial, second.found.adversarial)
    assert first.found.queries.tolist() == second.found.queries.tolist()


@pytest.mark.parametrize(("epsilon", "most"), [(0.01, 1), (0.2, 3), (1.0, 8)])
def test_canaries_find_no_fault_with_any_threat(epsilon: float, most: int) -> None:
    threat = FeatureThreat(norm="features", epsilon=epsilon, most=most)
    assert [sees(make, threat) for make in makers(threat)] == ["", ""]


def test_a_blind_attack_and_one_that_leaves_the_range_are_caught_by_the_canaries() -> None:
    class Blind:
        name = "blind"

        def search(self, row: Any, asking: Asking, generator: np.random.Generator) -> Search[Any]:
            yield from asking.margins(row[None])

    class Unbound:
        name = "unbound"

        def search(self, row: Any, asking: Asking, generator: np.random.Generator) -> Search[Any]:
            yield from asking.margins(row[None])
            return row + 5

    assert "broke 0%" in sees(lambda *_: Blind(), THREAT)
    assert "beyond its threat model" in sees(lambda *_: Unbound(), THREAT)


def test_answers_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(UnusableAnswer, match="40 of 40 answers are no probabilities"):
        attack(lambda asked: asked[:, AGE] - 40.5, answers=lambda score: np.full((len(score), 2), np.nan))


def edited(row: np.ndarray, **values: float) -> np.ndarray:
    made = row.copy()
    for name, value in values.items():
        made[globals()[name]] = value
    return made


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({"HOURS": 60}, True),
        ({"HOURS": 61}, False),
        ({"HOURS": 40.5}, False),
        ({"HOURS": 50, "AGE": 41}, False),
        ({"PLAN": 2}, True),
        ({"PLAN": 3}, False),
        ({"PLAN": 0.5}, False),
        ({"RED": 0, "BLUE": 1}, True),
        ({"RED": 0}, False),
        ({"BLUE": 1}, False),
        ({"RED": 0, "BLUE": 1, "PLAN": 2}, True),
        ({"RED": 0, "BLUE": 1, "PLAN": 2, "HOURS": 41}, False),
        ({"SCORE": 0.2999}, True),
        ({"SCORE": 0.31}, False),
        ({"SCORE": -0.05}, False),
    ],
)
def test_the_law_allows_two_attributes_within_reach_and_nothing_else(values: dict[str, float], allowed: bool) -> None:
    constraints = learn_constraints(people(), frozenset({AGE}))
    row = np.array([40, 40, 0.1, 0, 1, 0, 0], np.float32)
    assert (within(THREAT, constraints, row, edited(row, **values)) is not None) is allowed


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.001, 1))
def test_every_value_that_moves_offer_is_lawful(seed: int, epsilon: float) -> None:
    generator, rows = np.random.default_rng(seed), people()
    threat = THREAT.model_copy(update={"epsilon": epsilon})
    constraints: Constraints = learn_constraints(rows)
    row, donor = rows[generator.integers(ROWS)], rows[generator.integers(ROWS)]
    for attribute in constraints.attributes:
        offered = [
            *options(threat, constraints, row, attribute, 7),
            drawn(threat, constraints, row, attribute, generator),
            projected(threat, constraints, row, donor, attribute),
        ]
        lawful = partial(within, threat, constraints, row)
        assert all(lawful(changed(row, {attribute: values})) is not None for values in offered)


def test_inputs_that_are_no_finite_numbers_have_no_range() -> None:
    with pytest.raises(SpecError, match="no finite numbers"):
        learn_constraints(np.array([[1.0, np.nan]], np.float32))


def test_names_are_found_by_what_the_inputs_hold() -> None:
    rows = people()
    colours = np.array(["red", "green", "blue"])[rows[:, RED:].argmax(1)]
    table = pa.table(
        {"age": rows[:, AGE].astype(int), "plan": [f"p{int(v)}" for v in rows[:, PLAN]], "colour": colours}
    )
    inputs = rows.copy()
    inputs[:, AGE] = (inputs[:, AGE] - 40) / 12  # a loader may scale
    assert positions_of(["age"], table, inputs) == {AGE}
    assert positions_of(["plan", "colour"], table, inputs) == {PLAN, RED, GREEN, BLUE}
    assert column_of(GREEN, table, inputs) == "colour" and column_of(SCORE, table, inputs) == ""


def test_a_fixed_column_that_is_not_found_is_told_with_the_nearest_name() -> None:
    rows = people()
    table = pa.table({"age": rows[:, AGE], "town": [str(at % 7) for at in range(ROWS)]})
    with pytest.raises(SpecError, match="did you mean 'age'"):
        positions_of(["agee"], table, rows)
    with pytest.raises(SpecError, match="none of 7 inputs holds its values"):
        positions_of(["town"], table, rows)
