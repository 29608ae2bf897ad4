"""Rows whose only fault is their label are dropped, relabelled or weighed less; others are always dropped."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits

from assay.dataset import load_dataset
from assay.loaders import ImageLoader
from assay.records import StepReport
from assay.workbench import Workbench
from tests.tasks.screening.screen_story import Screened

FLIPPED = np.arange(0, 1797, 20)


@pytest.fixture
def screened(bench: Workbench) -> Screened:
    data = load_digits()
    labels = data.target.astype(np.int64)
    labels[FLIPPED] = (labels[FLIPPED] + 3) % 10
    images = data.images.astype(np.float32)
    images[1701], labels[1701] = images[1], labels[1]  # an exact copy
    return Screened(bench, images, labels)


def admitted(story: Screened, report: StepReport) -> dict[int, dict[str, Any]]:
    return {int(row["row_id"]): row for row in story.rows(report.products["admitted"])}


def test_by_default_they_are_dropped_and_nothing_is_weighed(screened: Screened) -> None:
    report = screened.screen(detectors=["duplicates", "label_issues"])
    rows = admitted(screened, report)
    assert len(set(FLIPPED) & set(rows)) <= 0.2 * len(FLIPPED)
    assert report.facts["mended"] == 0
    assert "row_weight" not in load_dataset(report.products["admitted"], screened.bench.store).columns


def test_relabelled_rows_get_the_class_the_evidence_names_and_are_recorded(screened: Screened) -> None:
    report = screened.screen(detectors=["duplicates", "label_issues"], cleaning="relabel")
    rows, truth = admitted(screened, report), load_digits().target
    mended = screened.table(str(report.facts["mended_rows"]))
    assert len(mended) == report.facts["mended"] > 0.3 * len(FLIPPED)
    right = [line for line in mended if line["new_label"] == str(truth[int(line["row_id"])])]
    assert len(right) >= 0.95 * len(mended)
    assert all(str(rows[int(line["row_id"])]["label"]) == line["new_label"] for line in mended)
    assert 1701 not in rows


def test_weights_reach_training_and_spare_untouched_rows(screened: Screened) -> None:
    report = screened.screen(detectors=["duplicates", "label_issues"], cleaning="down_weight")
    rows = admitted(screened, report)
    touched = {int(line["row_id"]) for line in screened.table(str(report.facts["mended_rows"]))}
    assert touched and all(rows[place]["row_weight"] < 0.5 for place in touched)
    assert all(row["row_weight"] == 1 for place, row in rows.items() if place not in touched)
    batches = pa.Table.from_pylist(list(rows.values())).to_batches()
    loaded = ImageLoader({"shape": [8, 8]}).load_function(iter(batches), "label")
    assert loaded.weights is not None and (loaded.weights < 1).sum() == len(touched)


def test_no_mended_row_is_held_out(screened: Screened) -> None:
    report = screened.screen(detectors=["duplicates", "label_issues"], cleaning="relabel")
    touched = {line["row_id"] for line in screened.table(str(report.facts["mended_rows"]))}
    split = screened.split(report.products["admitted"])
    held = {row["row_id"] for row in screened.rows(split.products["holdout"])}
    trained = {row["row_id"] for row in screened.rows(split.products["train"])}
    assert held and not held & touched
    assert trained & touched


def test_a_holdout_frozen_before_the_screen_began_to_mend_goes_on(screened: Screened) -> None:
    dropped = screened.screen(detectors=["duplicates", "label_issues"])
    before = screened.split(dropped.products["admitted"])
    mended = screened.screen(detectors=["duplicates", "label_issues"], cleaning="down_weight")
    after = screened.split(mended.products["admitted"])
    assert after.products["holdout"] == before.products["holdout"]
