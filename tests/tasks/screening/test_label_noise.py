"""Wrong labels are told from classes that overlap, by what a calibrated model would expect of sound rows."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tasks.screening.case import Case
from tasks.screening.confidence import log_loss, tempered
from tasks.screening.finding import Finding
from tasks.screening.label_issues import LabelIssues
from tasks.screening.label_noise import judge_labels
from tasks.screening.rows import ScreenRows


def rows_of(features: np.ndarray, labels: np.ndarray, kind: str, shape: tuple[int, ...] = ()) -> ScreenRows:
    return ScreenRows(
        kind=kind,
        row_ids=tuple(str(index) for index in range(len(labels))),
        contents=tuple(str(index).encode() for index in range(len(labels))),
        labels=labels.astype(np.int64),
        classes=tuple(str(one) for one in range(labels.max() + 1)),
        features=features.astype(np.float32),
        texts=None,
        shape=shape,
    )


def digits(share: float, seed: int) -> tuple[ScreenRows, np.ndarray]:
    generator, data = np.random.default_rng(seed), load_digits()
    bad = generator.random(len(data.target)) < share
    labels = data.target.copy()
    labels[bad] = (labels[bad] + generator.integers(1, 10, bad.sum())) % 10
    return rows_of(data.data, labels, "image", (8, 8)), bad


def judged(rows: ScreenRows) -> Finding:
    found = LabelIssues().judge(Case(rows))
    assert isinstance(found, Finding)
    return found


def overlapping(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are true of the labels drawn from them."""
    generator = np.random.default_rng(seed)
    first = generator.beta(0.3, 0.3, count)
    return np.stack([first, 1 - first], axis=1), (generator.random(count) > first).astype(np.int64)


@pytest.mark.parametrize("seed", [0, 1])
def test_sound_digits_lose_hardly_a_label(seed: int) -> None:
    assert judged(digits(0, seed)[0]).quarantined.mean() <= 0.005


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_most_flips_are_kept_out_and_few_others(share: float) -> None:
    rows, bad = digits(share, 0)
    kept_out = judged(rows).quarantined
    assert kept_out[bad].mean() >= 0.8
    assert bad[kept_out].mean() >= 0.8
    assert kept_out[~bad].mean() <= 0.005


def test_classes_that_overlap_are_no_wrong_labels() -> None:
    probabilities, labels = overlapping(20_000, 0)
    noise = judge_labels(probabilities, labels)
    assert ((noise.expected_false_rate <= 0.2) & (probabilities.argmax(axis=1) != labels)).mean() <= 0.002


def test_the_expected_number_of_sound_rows_is_about_what_calibrated_labels_give() -> None:
    probabilities, labels = overlapping(20_000, 1)
    noise = judge_labels(probabilities, labels)
    doubted = noise.given < 0.3
    assert noise.expected_sound[doubted].max() == pytest.approx(doubted.sum(), rel=0.15)


def test_one_class_that_is_often_given_anothers_name_is_seen() -> None:
    data, generator = load_digits(), np.random.default_rng(0)
    labels = data.target.copy()
    zeros = np.flatnonzero(labels == 0)
    renamed = generator.choice(zeros, len(zeros) // 8, replace=False)
    labels[renamed] = 3
    kept_out = judged(rows_of(data.data, labels, "image", (8, 8))).quarantined
    assert kept_out[renamed].mean() >= 0.5
    assert kept_out.sum() <= len(renamed) + 0.01 * len(labels)


def test_confidence_is_set_right_though_labels_are_wrong() -> None:
    generator = np.random.default_rng(0)
    probabilities, labels = overlapping(20_000, 2)
    shy = probabilities**0.4 / (probabilities**0.4).sum(axis=1, keepdims=True)
    wrong = generator.random(len(labels)) < 0.05
    seen = np.where(wrong, 1 - labels, labels)
    assert log_loss(tempered(shy, seen, 0), labels) < 0.5 * (log_loss(shy, labels) + log_loss(probabilities, labels))
