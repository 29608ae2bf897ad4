"""A model that learned its rows by heart gives them away, and the attack tells it from one that did not."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from assay.sdk import StopTraining
from tasks.privacy.curve import area, true_positive_rate
from tasks.privacy.membership import (
    FALSE_POSITIVE_RATES,
    MembershipResult,
    confidence,
    halves,
    infer_membership,
    likelihood_ratio,
    train_references,
)

ROWS, COLUMNS = 400, 12


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows whose labels are half noise, which only memory can know; the first half are the training rows."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(ROWS, COLUMNS))
    labels = np.where(generator.random(ROWS) < 0.3, generator.integers(0, 2, ROWS), inputs[:, 0] > 0).astype(np.int64)
    return inputs, labels, np.arange(ROWS) < ROWS // 2


def by_heart(inputs: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray, int], np.ndarray]:
    def fit(places: np.ndarray, seed: int) -> np.ndarray:
        model = RandomForestClassifier(40, bootstrap=False, max_features=3, random_state=seed)
        return model.fit(inputs[places], labels[places]).predict_proba(inputs)

    return fit


def by_rule(inputs: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray, int], np.ndarray]:
    def fit(places: np.ndarray, seed: int) -> np.ndarray:
        return LogisticRegression(C=0.01, random_state=seed).fit(inputs[places], labels[places]).predict_proba(inputs)

    return fit


def examined(
    fit: Callable[[np.ndarray, int], np.ndarray], labels: np.ndarray, members: np.ndarray, references: int = 16
) -> MembershipResult:
    answers = fit(np.flatnonzero(members), 99)
    return infer_membership(train_references(fit, labels, references), answers, labels, members)


def test_memory_is_told_from_rules(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    inputs, labels, members = data
    leaking, tight = (examined(make(inputs, labels), labels, members) for make in (by_heart, by_rule))
    assert leaking.true_positive_rates[0.01][0] >= 0.3
    assert tight.true_positive_rates[0.01][0] <= 0.05
    assert leaking.auc > 0.9
    assert tight.auc < 0.65
    assert leaking.auc_ci95[0] > tight.auc_ci95[1]


def test_labels_dealt_at_random_give_no_signal(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    inputs, labels, members = data
    found = examined(by_heart(inputs, labels), labels, members)
    dealt = np.random.default_rng(1).permutation(members)
    for rate in FALSE_POSITIVE_RATES:
        share, (low, high) = true_positive_rate(found.scores, dealt, rate)
        assert low <= share <= high
        assert share <= 0.05
    assert abs(area(found.scores, dealt) - 0.5) < 0.1


def test_every_row_is_seen_by_half_of_the_models() -> None:
    seen = halves(41, 6, seed=3)
    assert seen.shape == (6, 41)
    assert (seen.sum(axis=0) == 3).all()
    assert (seen[::2] != seen[1::2]).all()


class Clock:
    """A clock that moves when a model is trained, and by nothing else."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("budget", "trained"), [(1000.0, 16), (50.0, 5), (49.0, 4), (19.0, 1), (5.0, 1), (0.0, 0)]
)  # each model takes 10 seconds
def test_the_budget_is_overrun_by_the_first_reference_model_at_most(budget: float, trained: int) -> None:
    labels, clock, said = np.arange(40) % 2, Clock(), []

    def fit(places: np.ndarray, seed: int) -> np.ndarray:
        clock.now += 10
        return np.full((40, 2), 0.5)

    found = train_references(fit, labels, 16, budget, say=said.append, clock=clock)
    assert found.known.shape == found.seen.shape == (trained, 40)
    assert found.are_enough == (trained >= 4)
    assert found.seconds <= max(budget, 10) and found.seconds == 10 * trained
    assert (trained == 16) != any("budget" in line for line in said)


def test_a_training_cut_short_is_no_reference_model() -> None:
    def fit(places: np.ndarray, seed: int) -> np.ndarray:
        if seed > 3:
            raise StopTraining("the time is up")
        return np.full((40, 2), 0.5)

    assert len(train_references(fit, np.arange(40) % 2, 16).known) == 3


def test_certain_answers_stay_finite_and_order_rows() -> None:
    labels = np.array([0, 0, 0])
    values = confidence(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]), labels)
    assert np.isfinite(values).all()
    assert values[0] > values[1] > values[2]
    seen = halves(3, 4, 0)
    known = np.where(seen, 3.0, -3.0)
    ratio = likelihood_ratio(np.array([3.0, 0.0, -3.0]), known, seen)
    assert ratio[0] > ratio[1] > ratio[2]
