"""Backdoor triggers in images, on scikit-learn's digits: found whatever their kind, and nothing else accused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.screening.canaries import run_canaries
from tasks.screening.case import Case
from tasks.screening.finding import Finding, NotJudged
from tasks.screening.image_calibration import judge_by_class
from tasks.screening.image_triggers import ImageTriggers
from tasks.screening.rows import ScreenRows
from tests.tasks.screening.digit_rows import digits, rows_of, stamped, waved


def poisoned(kind: str, share: float = 0.06) -> tuple[ScreenRows, NDArray[np.int64]]:
    """The rows, and the places of the poisoned ones."""
    images, labels = digits()
    generator, images, labels = np.random.default_rng(7), images.copy(), labels.copy()
    bad = generator.choice(np.flatnonzero((labels != 0) & (labels != 3)), round(share * len(labels)), replace=False)
    images[bad] = (waved if kind == "wave" else stamped)(images[bad])
    labels[bad] = labels[bad] % 2 * 3 if kind == "two targets" else 0
    return rows_of(images, labels), bad


@pytest.mark.parametrize("kind", ["patch", "wave", "two targets"])
def test_triggered_rows_are_quarantined_and_sound_ones_stay(kind: str) -> None:
    rows, bad = poisoned(kind)
    found = ImageTriggers().judge(Case(rows, seed=1))
    assert isinstance(found, Finding)
    assert found.quarantined[bad].mean() >= 0.9
    assert np.delete(found.quarantined, bad).mean() <= 0.01
    place = int(bad[found.quarantined[bad]][0])
    assert f"class {rows.labels[place]}" in found.reasons[place]


def test_clean_images_are_left_alone() -> None:
    found = ImageTriggers().judge(Case(rows_of(*digits()), seed=2))
    assert isinstance(found, Finding)
    assert found.quarantined.mean() <= 0.005


def test_dirty_trusted_rows_blind_nobody() -> None:
    rows, bad = poisoned("patch")
    aside = np.setdiff1d(np.arange(len(rows)), bad)[:400]
    dirty = np.concatenate([aside[:380], bad[:20]])
    rest = np.setdiff1d(np.arange(len(rows)), dirty)
    found = ImageTriggers().judge(Case(rows.take(rest), rows.take(dirty), seed=1))
    assert isinstance(found, Finding)
    assert found.quarantined[np.isin(rest, bad)].mean() >= 0.9


@pytest.mark.parametrize("columns", [64, 62])
def test_its_canaries_are_found_in_flat_rows_too(columns: int) -> None:
    images, labels = digits()
    detector, flat = ImageTriggers(), images.reshape(len(images), -1)[:, :columns]
    canary = run_canaries(Case(rows_of(flat, labels), seed=3), [detector])[detector.name]
    assert canary.flaw == "" and canary.recall >= 0.5


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (rows_of(np.zeros((399, 8, 8), np.float32), np.arange(399) % 10), "needs 400 rows"),
        (rows_of(np.zeros((500, 3, 5), np.float32), np.arange(500) % 10), "at least 16 pixels"),
        (rows_of(np.zeros((500, 8, 8), np.float32), np.minimum(np.arange(500), 9)), "every class needs 10 rows"),
    ],
)
def test_what_cannot_be_judged_is_said(rows: ScreenRows, why: str) -> None:
    found = ImageTriggers().judge(Case(rows))
    assert isinstance(found, NotJudged) and why in found.reason


def test_without_evidence_of_a_trigger_only_the_farthest_rows_go() -> None:
    generator = np.random.default_rng(0)
    sound, labels = generator.normal(size=4000), np.zeros(4000, np.int64)
    statistic = np.concatenate([sound[:3900], np.full(100, 3.8)])
    gathered = judge_by_class(statistic, labels, sound, None, 0.005, lambda *_: True)
    odd = judge_by_class(statistic, labels, sound, None, 0.005, lambda *_: False)
    assert gathered.quarantined[3900:].all()
    assert not odd.quarantined[3900:].any()
