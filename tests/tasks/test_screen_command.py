"""`assay screen` on files: what it finds, writes and shows."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.errors import SpecError
from tasks.screening import detectors
from tasks.screening.outliers import Outliers
from tests.tasks.screen_story import FILES, ROWS, digits, document, idx, npz, parquet, points, screen, text


def test_flips_copies_and_garbage_are_found_with_reasons_and_evidence(tmp_path: Path) -> None:
    images, labels = digits(1797)
    images[1000:1010], labels[1000:1010] = images[:10], labels[:10]
    images[1100:1105] = np.random.default_rng(0).integers(0, 17, (5, 8, 8))
    labels[1200:1230] = (labels[1200:1230] + 1) % 10
    result = screen(npz(tmp_path / "d.npz", images=images, digit=labels), tmp_path / "out", "--labels", "digit")
    found = document(result)
    assert (found["verdict"], found["rows"], found["kind"]) == ("passed", 1797, "image")
    assert {one["name"] for one in found["detectors"]} >= {"duplicates", "label_issues", "outliers"}
    assert all(one["canary_recall"] >= 0.5 and one["verdict"] == "passed" for one in found["detectors"])
    assert found["peak_rss_bytes"] > 10**7 and found["seconds"] > 0
    scores = pq.read_table(found["artifacts"]["scores"]).to_pylist()
    assert [line["row_id"] for line in scores] == [str(row) for row in range(1797)]
    assert all(0 <= line["score"] <= 1 for line in scores)
    out = {int(line["row_id"]) for line in scores if line["quarantined"]}
    assert len(out) == found["quarantined"] and {*range(1000, 1010), *range(1100, 1105)} <= out
    assert len(out & set(range(1200, 1230))) >= 21 and len(out) <= 45 + 0.015 * 1797
    suspects = {
        (line["detector"], line["row_id"]): line for line in pq.read_table(found["artifacts"]["suspects"]).to_pylist()
    }
    assert suspects["duplicates", "1000"]["reason"] == "exact copy of row 0"
    assert suspects["duplicates", "1000"]["nearest"] == ["0"]
    assert suspects["duplicates", "1000"]["nearest_labels"] == [suspects["duplicates", "1000"]["label"]] == ["0"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert "planting canaries" in result.stderr and "label_issues: passed" in result.stderr


def write_forms(folder: Path) -> dict[str, Path]:
    """The same digits in every form that is read."""
    images, labels = digits()
    flat = {f"p{index}": images.reshape(len(images), -1)[:, index] for index in range(64)}
    pictures = folder / "idx"
    pictures.mkdir()
    (pictures / "a-images-idx3-ubyte").write_bytes(idx(images))
    (pictures / "a-labels-idx1-ubyte").write_bytes(idx(labels))
    (pictures / "README.md").write_text("about")
    shards = folder / "shards"
    shards.mkdir()
    nested = pa.array(images.tolist(), pa.list_(pa.list_(pa.uint8())))
    binary = pa.array([image.tobytes() for image in images], pa.binary(64))
    parquet(shards / "0.parquet", {"image": nested[:300], "label": labels[:300]})
    parquet(shards / "1.parquet", {"image": nested[300:], "label": labels[300:]})
    csv = folder / "digits.csv.gz"
    names = [*flat, "label"]
    rows = np.column_stack([*flat.values(), labels])
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    csv.write_bytes(gzip.compress("\n".join(lines).encode()))
    return {
        "idx": pictures,
        "idx file": pictures / "a-images-idx3-ubyte",
        "npz": npz(folder / "d.npz", images=images, label=labels),
        "folder": shards,
        "binary": parquet(folder / "binary.parquet", {"image": binary, "label": labels}),
        "no suffix": npz(folder / "d2.npz", images=images, label=labels).rename(folder / "data"),
        "csv": csv,
        "big-endian": npz(folder / "b.npz", images=images.astype(">i4"), label=labels.astype(">i8")),
    }


def test_every_form_of_the_same_images_gives_the_same_answer(tmp_path: Path) -> None:
    answers = {}
    for name, path in write_forms(tmp_path).items():
        found = document(screen(path, tmp_path / f"out {name}"))
        assert found["kind"] == ("tabular" if name == "csv" else "image")
        scores = pq.read_table(found["artifacts"]["scores"])
        answers[name] = None if name == "csv" else (scores["row_id"].to_pylist(), scores["score"].to_pylist())
    assert len({json.dumps(answer) for answer in answers.values() if answer}) == 1


def test_equal_seeds_give_equal_tables(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", points())
    for out in ("one", "two"):
        screen(path, tmp_path / out, "--seed", "3")
    for name in ("scores.parquet", "suspects.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_kind_is_found_out_and_said(tmp_path: Path) -> None:
    words = ["win cash prize now claim free offer", "see you at lunch home tonight thanks"]
    texts = {"text": [f"{words[row % 2]} {row}" for row in range(ROWS)], "label": ["spam", "ham"] * (ROWS // 2)}
    result = screen(parquet(tmp_path / "t.parquet", {**texts, "sent": list(range(ROWS))}), tmp_path / "out")
    found = json.loads(result.stdout)
    assert found["kind"] == "text"
    unread, unasked = found["notes"]
    assert unread == "column sent: not judged as text data"
    assert unasked.startswith("detector near_duplicates: ")
    assert "kind text (found out; --kind says otherwise)" in result.stderr


def test_ids_of_the_file_are_kept(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", points(row_id=[f"r{row}" for row in range(ROWS)]))
    found = document(screen(path, tmp_path / "out"))
    assert pq.read_table(found["artifacts"]["scores"])["row_id"].to_pylist()[:2] == ["r0", "r1"]


def test_wrong_source_is_named_by_source(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    columns = points(900, who=[("ann", "bob", "eve")[row % 3] for row in range(900)])
    eve = np.arange(2, 900, 3)
    wrong = generator.choice(eve, 90, replace=False)
    columns["label"][wrong] = 1 - columns["label"][wrong]
    found = document(screen(parquet(tmp_path / "a.parquet", columns), tmp_path / "out", "--source", "who"), code=3)
    scores = pq.read_table(found["artifacts"]["scores"]).to_pylist()
    assert all(scores[row]["quarantined"] for row in eve)
    assert "eve" in (tmp_path / "out" / "report.html").read_text()


def test_trusted_rows_share_words_and_classes_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    class Looking(Outliers):
        def judge(self, case: Any) -> Any:
            seen["case"] = case
            return super().judge(case)

    monkeypatch.setitem(detectors.DETECTORS, "outliers", Looking())  # type: ignore[index]
    main = parquet(tmp_path / "a.parquet", points(city=[("oslo", "rome", "bonn")[row % 3] for row in range(ROWS)]))
    sound = points(60, city=["rome"] * 60)
    sound["label"] = np.where(np.arange(60) < 5, 7, sound["label"])
    trusted = parquet(tmp_path / "t.parquet", sound)
    found = document(screen(main, tmp_path / "out", "--trusted", str(trusted), "--detectors", "outliers"))
    case = seen["case"]
    assert case.trusted.row_ids[0] == "trusted 5" and case.rows.row_ids[0] == "0"
    assert case.trusted.classes == case.rows.classes == ("0", "1") and len(case.trusted) == 55
    assert case.trusted.features.shape == (55, case.rows.features.shape[1]) and case.rows.features.shape[1] == 5
    assert found["notes"] == ["5 trusted rows of classes that the dataset does not have"]


def test_text_of_a_row_cannot_act_in_the_report(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)> \u202e \x00 {{ 7 * 7 }} \ud83d"
    _, labels = digits(400)
    texts = [f"{'win cash prize' if label % 2 else 'see you home'} {row} " for row, label in enumerate(labels)]
    texts[7] = texts[8] = hostile.encode("utf-8", "replace").decode() * 20
    columns = {"text": texts, "label": ["<b>", "&"] * 200}
    screen(parquet(tmp_path / "t.parquet", columns), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in page and "<img src=x" not in page and "<b>" not in page and "&lt;script&gt;" in page
    assert "\u202e" not in page and "\x00" not in page and "{{ 7 * 7 }}" in page
    assert "http" not in page.replace("http-equiv", "") and "default-src 'none'" in page


def test_report_shows_what_was_judged_and_few_rows(tmp_path: Path) -> None:
    images, labels = digits()
    labels[::3] = (labels[::3] + 1) % 10
    document(screen(npz(tmp_path / "d.npz", images=images, label=labels), tmp_path / "out"), code=3)
    page = (tmp_path / "out" / "report.html").read_text()
    for words in (
        "What was not checked",
        "label_issues",
        "canaries found",
        "<svg",
        "data:image/png;base64",
        "600 rows",
    ):
        assert words in page
    assert page.count('<div class="row">') <= 60
    assert "prefers-color-scheme" in page and "@media print" in page


def test_earlier_results_are_replaced_and_nothing_else_is_touched(tmp_path: Path) -> None:
    path, out = parquet(tmp_path / "a.parquet", points()), tmp_path / "deep" / "out"
    document(screen(path, out))
    first = (out / "scores.parquet").read_bytes()
    document(screen(parquet(path, points(130)), out))
    assert (out / "scores.parquet").read_bytes() != first
    assert {one.name for one in out.iterdir()} == FILES and [one.name for one in out.parent.iterdir()] == ["out"]
    (out / "mine.txt").write_text("mine")
    result = screen(path, out)
    assert isinstance(result.exception, SpecError) and "found mine.txt" in str(result.exception)
    assert (out / "mine.txt").read_text() == "mine"


def test_interrupted_screen_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tasks.screening.screen_file._write", interrupted)
    path = parquet(tmp_path / "a.parquet", points())
    result = screen(path, tmp_path / "out")
    assert result.exit_code != 0 and sorted(one.name for one in tmp_path.iterdir()) == ["a.parquet"]


def test_missing_cells_are_told_and_judged(tmp_path: Path) -> None:
    lines = ["a,b,label", *(f"{row % 7 if row % 9 else '?'},{row % 5 + 3 * (row % 2)},{row % 2}" for row in range(300))]
    found = document(
        screen(text(tmp_path / "a.csv", "\n".join(lines).encode()), tmp_path / "out", "--detectors", "outliers")
    )
    assert "missing: a 34 cells" in str(found["checks"])


def test_semicolons_and_empty_columns_are_understood(tmp_path: Path) -> None:
    lines = ["a;nothing;label", *(f"{row / 7};;{row % 2}" for row in range(300))]
    found = document(
        screen(text(tmp_path / "a.csv", "\n".join(lines).encode()), tmp_path / "out", "--detectors", "outliers")
    )
    assert found["notes"] == ["column nothing: every value is missing"]


class Broken(Outliers):
    """Crashes on every case."""

    def judge(self, case: Any) -> Any:
        raise ZeroDivisionError("oops")


class Unplantable(Outliers):
    """Crashes where its canaries are planted."""

    def plant(self, *_: Any) -> Any:
        raise ZeroDivisionError("oops")


class Constant(Outliers):
    """Finds nothing, whatever there is."""

    def judge(self, case: Any) -> Any:
        found = super().judge(case)
        return replace(found, suspect=found.suspect & False, quarantined=found.suspect & False, reasons={})


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (Broken(), "it broke: ZeroDivisionError"),
        (Unplantable(), "no canary could be planted: it broke: ZeroDivisionError"),
        (Constant(), "blind"),
    ],
)
def test_detector_that_breaks_or_sees_nothing_is_never_a_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Outliers, words: str
) -> None:
    monkeypatch.setitem(detectors.DETECTORS, "outliers", broken)  # type: ignore[index]
    found = document(screen(parquet(tmp_path / "a.parquet", points()), tmp_path / "out"), code=3)
    assert found["verdict"] == "not_checked"
    assert words in {one["name"]: one for one in found["detectors"]}["outliers"]["detail"]
