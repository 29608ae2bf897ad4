from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits

from assay.dataset import DatasetVersion, Shard, load_dataset, read_table, save_dataset
from assay.records import RunContext, StepReport, Subject, Verdict
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tasks.screen_dataset import screen_dataset
from tasks.screening.detectors import BY_KIND

DETECTORS = BY_KIND["image"]


@dataclass
class Digits:
    images: np.ndarray
    labels: np.ndarray


@pytest.fixture
def digits() -> Digits:
    data = load_digits()
    return Digits(data.images.astype(np.uint8), data.target.astype(np.int64))


def save(bench: Workbench, columns: dict[str, Any], kind: str = "image", shards: int = 3) -> Subject:
    rows = len(columns["label"])
    table = pa.table({"row_id": [f"row-{index}" for index in range(rows)], **columns})
    parts = []
    for index, places in enumerate(np.array_split(np.arange(rows), shards)):
        path = bench.workdir / f"{index}.parquet"
        pq.write_table(table.take(places), path)
        parts.append(Shard(path.name, bench.store.put_file(path), path.stat().st_size, len(places)))
    types = {field.name: str(field.type) for field in table.schema}
    return save_dataset(DatasetVersion("set", kind, "label", types, tuple(parts), (), "position"), bench.store)


def save_images(bench: Workbench, digits: Digits) -> Subject:
    images = pa.array(digits.images.tolist(), type=pa.list_(pa.list_(pa.uint8())))
    return save(bench, {"image": images, "label": digits.labels})


def screen(bench: Workbench, raw: Subject, kind: str = "image", **settings: Any) -> StepReport:
    spec = PipelineSpec.model_validate(
        {
            "name": "set",
            "data": {"collector": {"sources": [{"source": "path", "path": "x"}], "kind": kind}, "screen": settings},
            "train": {"model": "models.set:Set"},
        }
    )
    return run_station(screen_dataset, StepRequest(spec, RunContext(run_id="run"), {"raw": raw}), bench)


def table_of(bench: Workbench, report: StepReport, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(pa.BufferReader(bench.store.read(str(report.facts[name])))).to_pylist()
    return found


def kept_out(bench: Workbench, report: StepReport) -> set[int]:
    return {int(line["row_id"].removeprefix("row-")) for line in table_of(bench, report, "quarantine")}


def test_clean_digits_lose_hardly_a_row(bench: Workbench, digits: Digits) -> None:
    report = screen(bench, save_images(bench, digits))
    assert report.verdict is Verdict.PASSED, report.checks
    assert len(kept_out(bench, report)) <= 0.015 * len(digits.labels)


def test_flipped_labels_are_found_and_few_others(bench: Workbench, digits: Digits) -> None:
    generator = np.random.default_rng(0)
    flipped = generator.choice(len(digits.labels), len(digits.labels) // 20, replace=False)
    digits.labels[flipped] = (digits.labels[flipped] + generator.integers(1, 10, len(flipped))) % 10
    report = screen(bench, save_images(bench, digits))
    found = kept_out(bench, report)
    assert len(found & set(flipped.tolist())) >= 0.8 * len(flipped)
    assert len(found - set(flipped.tolist())) <= 0.015 * len(digits.labels)


def test_copies_contradictions_and_garbage_are_all_found_with_reasons(bench: Workbench, digits: Digits) -> None:
    digits.images[100:110], digits.labels[100:110] = digits.images[0:10], digits.labels[0:10]
    digits.images[200], digits.labels[200] = digits.images[20], (digits.labels[20] + 1) % 10
    digits.images[300:330] = np.random.default_rng(0).integers(0, 17, (30, 8, 8))
    digits.images[330:340] = 255
    digits.images[331:340, 0, 0] = np.arange(9)
    report = screen(bench, save_images(bench, digits))
    found = kept_out(bench, report)
    assert {*range(100, 110), 20, 200, *range(300, 340)} <= found
    assert not found & set(range(10))
    reasons = {(line["detector"], line["row_id"]): line["reason"] for line in table_of(bench, report, "suspects")}
    assert reasons["duplicates", "row-100"] == "exact copy of row row-0"
    assert "the same content is labelled" in reasons["duplicates", "row-20"]
    assert "times as far" in reasons["outliers", "row-300"]


def test_admitted_is_raw_without_the_quarantined_rows_and_untouched_shards_are_shared(
    bench: Workbench, digits: Digits
) -> None:
    digits.images[5], digits.labels[5] = digits.images[1], digits.labels[1]
    raw = save_images(bench, digits)
    report = screen(bench, raw, detectors=["duplicates"])
    before, after = load_dataset(raw, bench.store), load_dataset(report.products["admitted"], bench.store)
    assert after.name == "set.admitted" and after.parent == raw.sha256 and after.columns == before.columns
    assert after.shards[0] != before.shards[0] and after.shards[1:] == before.shards[1:]
    expected = read_table(before, bench.store, bench.workdir).filter(pa.array(np.arange(before.rows) != 5))
    assert read_table(after, bench.store, bench.workdir).equals(expected)


def test_same_data_gives_the_same_digests(bench: Workbench, digits: Digits) -> None:
    raw = save_images(bench, digits)
    first, second = screen(bench, raw), screen(bench, raw)
    assert first.facts == second.facts and first.products == second.products


def test_scores_hold_every_row_with_a_score_of_each_detector(bench: Workbench, digits: Digits) -> None:
    report = screen(bench, save_images(bench, digits))
    scores = table_of(bench, report, "scores")
    assert len(scores) == len(digits.labels)
    names = {"score", *(f"{name}_score" for name in DETECTORS)}
    assert {*names, "row_id", "quarantined"} == set(scores[0])
    assert all(0 <= line[name] <= 1 for line in scores for name in names)


def test_version_that_would_lose_too_many_rows_is_refused_whole(bench: Workbench, digits: Digits) -> None:
    digits.images[:900], digits.labels[:900] = digits.images[0], digits.labels[0]
    report = screen(bench, save_images(bench, digits))
    assert report.verdict is Verdict.FAILED
    assert not report.products


def test_screen_that_is_off_admits_nothing(bench: Workbench, digits: Digits) -> None:
    report = screen(bench, save_images(bench, digits), enabled=False)
    assert report.verdict is Verdict.NOT_CHECKED
    assert not report.products


@pytest.mark.parametrize(("rows", "reason"), [(40, "needs 50 rows"), (60, "needs two classes")])
def test_detector_that_cannot_work_says_so_and_is_no_pass(bench: Workbench, rows: int, reason: str) -> None:
    columns = {"a": np.random.default_rng(0).normal(size=rows), "label": np.arange(rows) % (2 if rows == 40 else 1)}
    report = screen(bench, save(bench, columns, "tabular"), "tabular")
    assert report.verdict is Verdict.NOT_CHECKED
    assert reason in {check.name: check.detail for check in report.checks}["label_issues"]


def test_table_with_words_and_gaps_is_screened(bench: Workbench) -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(400) % 2
    amount = generator.normal(size=400) + 4 * labels
    amount[7] = 1e30
    city = [("oslo", "rome")[int(label)] if index % 5 else "" for index, label in enumerate(labels)]
    gaps = pa.array([None if index % 10 == 0 else float(index % 17) for index in range(400)])
    report = screen(bench, save(bench, {"amount": amount, "city": city, "n": gaps, "label": labels}, "tabular"))
    assert report.verdict is Verdict.PASSED, report.checks
    assert 7 in kept_out(bench, report) and len(kept_out(bench, report)) <= 8
    assert "near_duplicates" in report.facts["not_asked"]
    assert "near_duplicates" not in {check.name for check in report.checks}


def test_flipped_and_garbled_texts_are_found(bench: Workbench) -> None:
    generator = np.random.default_rng(0)
    words = [
        ["win", "cash", "prize", "now", "claim", "free", "offer", "urgent"],
        ["see", "you", "at", "lunch", "home", "tonight", "thanks", "mum"],
    ]
    common = ["the", "a", "and", "to", "it", "is", "on", "for", "with"]
    labels = np.arange(400) % 2
    texts = [" ".join([*generator.choice(words[label], 5), *generator.choice(common, 6)]) for label in labels]
    texts[9] = "\x01\x02#" * 400
    labels[10:20] = 1 - labels[10:20]
    report = screen(bench, save(bench, {"text": texts, "label": labels}, "text"), "text")
    found = kept_out(bench, report)
    assert 9 in found and len(found & set(range(10, 20))) >= 8
    assert len(found) <= 20


def test_noisy_classes_that_overlap_are_not_taken_for_wrong_labels(bench: Workbench) -> None:
    generator = np.random.default_rng(0)
    points = generator.normal(size=(3000, 5))
    labels = (generator.random(3000) < 1 / (1 + np.exp(-3 * points[:, 0]))).astype(np.int64)
    columns = {**{f"f{index}": points[:, index] for index in range(5)}, "label": labels}
    report = screen(bench, save(bench, columns, "tabular"), "tabular")
    assert len(kept_out(bench, report)) <= 0.03 * 3000, report.checks
