"""Triggers on rows that keep their true label, on scikit-learn's digits."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.screening.canaries import run_canaries
from tasks.screening.case import Case
from tasks.screening.clean_label_triggers import CleanLabelTriggers
from tasks.screening.finding import Finding, NotJudged
from tasks.screening.projection_pursuit import part_in_two, partings
from tests.tasks.screening.digit_rows import digits, rows_of, stamped

Trigger = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def marked(trigger: Trigger, label: int, share: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All images, those of a share of one class under the trigger; and the places of these."""
    images, labels = digits()
    own = np.flatnonzero(labels == label)
    bad = np.random.default_rng(3).choice(own, round(share * len(own)), replace=False)
    images = images.copy()
    images[bad] = trigger(images[bad])
    return images, np.sort(bad)


def dimmed(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The content fades, so that the patch is what can be learned."""
    return stamped(0.4 * images)


@pytest.mark.parametrize(("label", "share"), [(3, 0.5), (8, 0.3)])
def test_rows_under_a_pattern_that_carries_are_quarantined_though_their_labels_are_true(
    label: int, share: float
) -> None:
    images, bad = marked(dimmed, label, share)
    found = CleanLabelTriggers().judge(Case(rows_of(images, digits()[1])))
    assert isinstance(found, Finding)
    assert found.quarantined[bad].mean() >= 0.95
    assert np.delete(found.quarantined, bad).sum() == 0
    assert "share a pattern" in found.reasons[int(bad[0])]
    assert found.nearest[int(bad[0])]


def test_pattern_that_no_answer_hangs_on_makes_suspects_that_stay() -> None:
    images, bad = marked(stamped, 3, 0.4)
    found = CleanLabelTriggers().judge(Case(rows_of(images, digits()[1])))
    assert isinstance(found, Finding)
    assert found.suspect[bad].all()
    assert not found.quarantined.any()


def test_those_under_the_pattern_are_told_apart_though_they_are_the_most() -> None:
    images, bad = marked(stamped, 0, 0.7)
    mark = Case(rows_of(images, digits()[1])).image_marks[0]
    assert mark.certain
    assert mark.label == 0
    assert set(mark.places) == set(bad)


def test_clean_rows_share_no_pattern() -> None:
    images, labels = digits()
    assert not any(mark.certain for mark in Case(rows_of(images, labels)).image_marks)


def test_pattern_on_rows_of_every_class_is_no_trigger() -> None:
    images, labels = digits()
    some = np.random.default_rng(4).random(len(images)) < 0.3
    images = np.where(some[:, None, None], stamped(images), images)
    assert not any(mark.certain for mark in Case(rows_of(images, labels)).image_marks)


def test_planted_pattern_is_found() -> None:
    images, labels = digits()
    detector = CleanLabelTriggers()
    canary = run_canaries(Case(rows_of(images, labels), seed=5), [detector])[detector.name]
    assert canary.flaw == ""
    assert canary.recall >= 0.9


def test_rows_that_are_no_images_are_not_judged() -> None:
    images, labels = digits()
    assert isinstance(CleanLabelTriggers().judge(Case(rows_of(images[:100], labels[:100]))), NotJudged)


def test_halving_a_normal_law_separates_by_three_and_a_half() -> None:
    separation, upper = part_in_two(np.random.default_rng(0).normal(size=20_000))
    assert separation == pytest.approx(3.5, abs=0.1)
    assert upper.mean() == pytest.approx(0.5, abs=0.02)


def test_small_far_body_is_found_among_many_columns() -> None:
    generator = np.random.default_rng(1)
    points = generator.normal(size=(4_000, 60)).astype(np.float32)
    labels = np.arange(4_000) % 4
    bad = np.flatnonzero(labels == 2)[:20]
    points[bad, :10] += 3.0
    sharpest = max(partings(points, labels, 0), key=lambda one: one.separation)
    assert sharpest.label == 2
    assert set(sharpest.peculiar) == set(bad)
