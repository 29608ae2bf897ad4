from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.dataset import load_dataset
from assay.errors import IntegrityError, SpecError
from assay.records import StepReport, Verdict
from assay.workbench import Workbench
from tasks.split_dataset import holdout_position
from tests.tasks.collection_story import Story

ROWS = 400


@pytest.fixture
def story(bench: Workbench, tmp_path: Path) -> Story:
    return Story(bench, tmp_path / "source", fraction=0.25)


def numbers(start: int, stop: int, shift: int = 0) -> dict[str, Any]:
    return {"a": [float(i) for i in range(start, stop)], "label": [(i + shift) % 2 for i in range(start, stop)]}


def side(story: Story, report: StepReport, role: str) -> set[float]:
    return {row["a"] for row in story.rows(report.products[role])}


def test_every_row_is_on_one_side_and_about_the_fraction_is_held_out(story: Story) -> None:
    story.write("a.parquet", numbers(0, ROWS))
    report = story.split()
    train, holdout = side(story, report, "train"), side(story, report, "holdout")
    assert report.verdict is Verdict.PASSED, report.checks
    assert train | holdout == set(map(float, range(ROWS)))
    assert not train & holdout
    assert 0.17 < len(holdout) / ROWS < 0.33
    assert report.products["recent"].sha256 == report.facts["segments"][0]


def test_order_and_other_rows_do_not_move_a_row(story: Story) -> None:
    story.write("a.parquet", numbers(0, ROWS))
    first = side(story, story.split(), "holdout")
    story.write("a.parquet", {name: values[::-1] for name, values in numbers(0, ROWS // 2).items()})
    other = Story(story.bench, story.folder, "other", fraction=0.25)
    assert side(other, other.split(), "holdout") == {a for a in first if a < ROWS // 2}


def test_another_salt_draws_another_holdout(story: Story) -> None:
    story.write("a.parquet", numbers(0, ROWS))
    other = Story(story.bench, story.folder, "other", fraction=0.25, salt="pepper")
    assert side(story, story.split(), "holdout") != side(other, other.split(), "holdout")


def test_a_relabelled_copy_of_a_holdout_row_never_reaches_training(story: Story) -> None:
    story.write("a.parquet", numbers(0, ROWS))
    held = side(story, story.split(), "holdout")
    story.write("b.parquet", numbers(0, ROWS, shift=1))
    report = story.split()
    assert report.verdict is Verdict.PASSED
    assert not side(story, report, "train") & held
    assert len(report.facts["segments"]) == 1


def test_segments_are_frozen_and_only_new_rows_are_added(story: Story) -> None:
    story.write("a.parquet", numbers(0, ROWS))
    first = story.split()
    story.write("b.parquet", numbers(ROWS, 2 * ROWS))
    second = story.split()
    store = story.bench.store
    before, after = (load_dataset(report.products["holdout"], store).shards for report in (first, second))
    assert after[: len(before)] == before
    assert second.facts["segments"][:1] == first.facts["segments"]
    assert all(a >= ROWS for a in side(story, second, "recent"))
    assert side(story, second, "holdout") == side(story, first, "holdout") | side(story, second, "recent")
    assert second.inputs["frozen"] == first.products["holdout"]


def test_holdout_rows_that_vanish_from_the_source_stay(story: Story) -> None:
    story.write("a.parquet", numbers(0, ROWS))
    first = story.split()
    story.write("a.parquet", numbers(ROWS // 2, ROWS))
    second = story.split()
    assert second.products["holdout"] == first.products["holdout"]
    assert second.products["recent"] == first.products["recent"]


def test_a_smaller_fraction_later_sends_no_frozen_row_to_training(story: Story) -> None:
    story.write("a.parquet", numbers(0, ROWS))
    held = side(story, story.split(), "holdout")
    story.holdout = {"fraction": 0.01}
    report = story.split()
    assert not side(story, report, "train") & held
    assert side(story, report, "holdout") == held


def test_the_same_rows_split_again_are_the_same_versions(story: Story) -> None:
    story.write("a.parquet", numbers(0, ROWS))
    assert story.split().products == story.split().products


def test_near_copies_of_a_text_land_together(story: Story) -> None:
    words = [f"{first}{second}" for first in "abcdefghijklmno" for second in "abcdefghijklmno"]
    texts = [f"offer {word} for 5 now" for word in words]
    copies = [f"OFFER  {word} for 99\nnow" for word in words]
    story.write("a.parquet", {"text": [*texts, *copies], "label": [0, 1, 0] * 150})
    report = story.split(kind="text")
    held = [row["text"] for row in story.rows(report.products["holdout"])]
    assert report.verdict is Verdict.PASSED, report.checks
    assert len(held) == 2 * len({text.split()[1] for text in held})


def test_served_copies_of_held_out_images_never_reach_training(story: Story) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (200, 9), dtype=np.uint8)
    labels = {"label": [0, 1] * 100}
    story.write("a.parquet", {"image": pa.array(list(pixels), pa.list_(pa.float32(), 9)), **labels})
    first = story.split(kind="image")
    held = {tuple(row["image"]) for row in story.rows(first.products["holdout"])}
    nested = pa.array(pixels.astype(np.float32).tolist(), pa.list_(pa.float32(), 9))
    story.write("b.parquet", {"image": nested, **labels})
    second = story.split(kind="image")
    trained = {tuple(row["image"]) for row in story.rows(second.products["train"])}
    assert second.products["holdout"] == first.products["holdout"]
    assert held
    assert not held & trained


def test_a_near_copy_of_a_held_out_row_is_left_out_of_training_and_named(story: Story) -> None:
    generator = np.random.default_rng(0)
    points, twins = generator.normal(size=(ROWS, 5)), 40
    points[:twins] = points[twins : 2 * twins] + 1e-5 * generator.normal(size=(twins, 5))
    columns = {f"column_{place}": points[:, place] for place in range(5)}
    story.write("a.parquet", {**columns, "label": [0, 1] * (ROWS // 2)})
    report = story.split()
    sides = [
        np.array([list(row.values()) for row in story.rows(report.products[side])]) for side in ("train", "holdout")
    ]
    train, holdout = (side[:, 1:6].astype(float) for side in sides)
    nearest = np.sqrt(((train[:, None] - holdout[None]) ** 2).sum(axis=2)).min(axis=1)
    left_out = ROWS - len(train) - len(holdout)
    assert nearest.min() > 1e-3
    assert 5 < left_out < twins
    assert report.facts["near_copies"]["rows"] == len(report.facts["near_copies"]["row_ids"]) == left_out
    assert f"{left_out} rows left out of training" in report.checks[-1].detail
    assert report.verdict is Verdict.PASSED, report.checks
    assert story.split().products == report.products


def test_a_near_copy_of_a_frozen_row_never_reaches_training_later(story: Story) -> None:
    generator = np.random.default_rng(0)
    points = generator.normal(size=(ROWS, 5))

    def columns(rows: np.ndarray) -> dict[str, Any]:
        return {**{f"column_{place}": rows[:, place] for place in range(5)}, "label": [0, 1] * (len(rows) // 2)}

    story.write("a.parquet", columns(points))
    first = story.split()
    held = np.array([list(row.values())[1:6] for row in story.rows(first.products["holdout"])], dtype=float)
    story.write("b.parquet", columns(held[:20] + 1e-5))
    second = story.split()
    trained = np.array([list(row.values())[1:6] for row in story.rows(second.products["train"])], dtype=float)
    assert np.abs(trained[:, None] - held[None, :20]).max(axis=2).min() > 1e-3
    assert story.rows(second.products["holdout"])[: len(held)] == story.rows(first.products["holdout"])


def test_a_class_on_one_side_only_fails(story: Story) -> None:
    story.write("a.parquet", {"a": [float(i) for i in range(ROWS)], "label": [0] * (ROWS - 1) + [1]})
    report = story.split()
    assert report.verdict is Verdict.FAILED
    assert "1 only in" in report.checks[1].detail


def test_a_holdout_too_small_to_say_anything_fails_and_is_not_frozen(story: Story) -> None:
    story.write("a.parquet", numbers(0, 40))
    refused = story.split()
    assert refused.verdict is Verdict.FAILED
    assert "20 needed" in refused.checks[2].detail
    story.write("b.parquet", numbers(40, ROWS))
    accepted = story.split()
    assert accepted.verdict is Verdict.PASSED
    assert len(accepted.facts["segments"]) == 1


def test_rows_all_on_one_side_are_an_error(story: Story) -> None:
    story.write("a.parquet", numbers(0, 40))
    story.holdout = {"fraction": 0.0}
    with pytest.raises(SpecError, match="all on one side"):
        story.split()


def test_other_columns_than_the_frozen_ones_are_refused(story: Story) -> None:
    story.write("a.parquet", numbers(0, ROWS))
    story.split()
    story.write("a.parquet", {**numbers(0, ROWS), "b": [1.0] * ROWS})
    with pytest.raises(SpecError, match="begin a new pipeline"):
        story.split()


def test_a_frozen_row_changed_in_the_store_is_noticed(story: Story) -> None:
    story.write("a.parquet", numbers(0, ROWS))
    shard = load_dataset(story.split().products["holdout"], story.bench.store).shards[0]
    path = story.bench.store.root / "sha256" / shard.sha256[:2] / shard.sha256
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match="the object was changed"):
        story.split()


def test_positions_are_evenly_spread() -> None:
    positions = [holdout_position(number.to_bytes(16, "big"), "salt") for number in range(2000)]
    assert abs(float(np.mean(positions)) - 0.5) < 0.03
    assert 0 <= min(positions) < max(positions) < 1


def test_one_entity_never_stands_on_both_sides(bench: Workbench, tmp_path: Path) -> None:
    story = Story(bench, tmp_path / "visits")
    patients = [f"patient-{index % 60}" for index in range(600)]
    values = np.random.default_rng(0).normal(size=600).tolist()
    values[1] = values[0]  # two patients of equal inputs
    story.write("visits.parquet", {"patient": patients, "a": values, "label": [index % 2 for index in range(600)]})
    report = story.split(entity="patient")
    sides = [{row["row_entity"] for row in story.rows(report.products[side])} for side in ("train", "holdout")]
    assert all(sides) and not sides[0] & sides[1]
    assert {check.name: check.verdict for check in report.checks}["no entity on both sides"] is Verdict.PASSED
    assert report.verdict is Verdict.PASSED, report.checks
