"""Bad input to `assay screen`: one clear error and nothing written, or a verdict that says what could not be judged."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from tests.tasks.screen_story import ROWS, digits, document, npz, parquet, points, refusal, screen, text


def png_bytes(size: tuple[int, int] = (8, 8)) -> bytes:
    stream = io.BytesIO()
    Image.new("L", size).save(stream, "PNG")
    return stream.getvalue()


def encoded(*images: bytes | None) -> dict[str, Any]:
    return {
        "image": pa.array([*images, *([png_bytes()] * 30)], pa.binary()),
        "label": [0, 1] * ((len(images) + 30) // 2),
    }


LIST = pa.list_(pa.list_(pa.uint8()))
NAN = [float("nan"), *([0.5] * (ROWS - 1))]


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no such file": (lambda at: at / "none.csv", "no such file"),
    "empty file": (lambda at: text(at / "a.csv", b""), "expected rows, found an empty file"),
    "empty folder": (lambda at: at, "found none"),
    "header only": (lambda at: text(at / "a.csv", b"a,label\n"), "expected rows, found none"),
    "no rows in Parquet": (
        lambda at: parquet(at / "a.parquet", {"a": pa.array([], pa.float64()), "label": pa.array([], pa.int64())}),
        "expected rows, found none",
    ),
    "damaged Parquet": (lambda at: text(at / "a.parquet", b"PAR1" + b"x" * 99), "expected Parquet"),
    "no Parquet at all": (lambda at: text(at / "a.parquet", b"\x00\x01\x02\xff"), "expected parquet by its name"),
    "damaged gzip": (lambda at: text(at / "a.csv.gz", b"\x1f\x8b\x08junk"), "damaged"),
    "cut NPZ": (lambda at: text(at / "a.npz", b"PK\x03\x04" + b"\0" * 99), "expected a NumPy archive"),
    "cut IDX": (lambda at: text(at / "a-images-idx3-ubyte", bytes([0, 0, 8, 3]) + b"\0" * 12), "a-labels-idx1-ubyte"),
    "CSV in Latin-1": (
        lambda at: text(at / "a.csv", b"a,label\n" + b"x,0\n" * 2000 + "é,1\n".encode("latin1")),
        "expected UTF-8",
    ),
    "pickle": (lambda at: text(at / "a.pkl", pickle.dumps([1])), "runs code"),
    "photograph": (lambda at: text(at / "a.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF"), "expected Parquet, CSV, NPZ or IDX"),
    "one array": (lambda at: np.save(at / "a.npy", np.zeros(3)) or at / "a.npy", "found one array"),
    "two forms": (
        lambda at: text(parquet(at / "a.parquet", points()).with_name("b.csv"), b"a,label\n1,0\n").parent,
        "found csv and parquet",
    ),
    "unreadable image": (
        lambda at: parquet(at / "a.parquet", encoded(png_bytes(), b"junk")),
        "row 1: unreadable image",
    ),
    "truncated image": (
        lambda at: parquet(at / "a.parquet", encoded(png_bytes()[:40], png_bytes())),
        "row 0: unreadable",
    ),
    "no image": (
        lambda at: parquet(at / "a.parquet", encoded(png_bytes(), None)),
        "row 1: expected an image, found none",
    ),
    "encoded of two shapes": (
        lambda at: parquet(at / "a.parquet", encoded(png_bytes(), png_bytes((8, 9)))),
        "row 1: expected an image of 8×8",
    ),
    "nested of two shapes": (
        lambda at: parquet(
            at / "a.parquet",
            {"image": pa.array([[[1, 2]] * 2] * 39 + [[[1, 2]] * 3], LIST), "label": [0, 1] * 20},
        ),
        "row 39: expected an image of 2×2 like the rows before, found 3×2",
    ),
    "ragged image": (
        lambda at: parquet(
            at / "a.parquet", {"image": pa.array([[[1, 2]] * 2] * 39 + [[[1, 2], [3]]], LIST), "label": [0, 1] * 20}
        ),
        "row 39: expected an image",
    ),
    "shapes differ between files": (
        lambda at: (
            parquet(
                parquet(
                    at / "a.parquet", {"image": pa.array([[[1, 2]] * 2] * 40, LIST), "label": [0, 1] * 20}
                ).with_name("b.parquet"),
                {"image": pa.array([[[1, 2]] * 4] * 40, LIST), "label": [0, 1] * 20},
            ).parent
        ),
        "row 40: expected an image of 2×2",
    ),
    "missing label column": (lambda at: parquet(at / "a.parquet", {"a": [1.0], "b": [2.0]}), "name it by --labels"),
    "missing label": (
        lambda at: parquet(at / "a.parquet", points(label=pa.array([0, 1, None, *([0] * (ROWS - 3))]))),
        "1 rows have none, first row 2",
    ),
    "NaN label": (
        lambda at: parquet(at / "a.parquet", points(label=[1.0, *NAN[:1], *([0.0] * (ROWS - 2))])),
        "first row 1",
    ),
    "one-hot label": (lambda at: parquet(at / "a.parquet", points(label=[[0, 1]] * ROWS)), "expected one class a row"),
    "regression target": (
        lambda at: parquet(at / "a.parquet", points(label=np.random.default_rng(0).normal(size=ROWS))),
        "expected classes, found 120 different values",
    ),
    "lengths differ": (
        lambda at: npz(at / "a.npz", images=np.zeros((9, 2, 2)), label=np.zeros(8)),
        "9 images but 8 labels",
    ),
    "objects": (
        lambda at: npz(at / "a.npz", images=np.array([{}, []], object), label=np.zeros(2)),
        "allow_pickle=False",
    ),
    "label alone": (lambda at: parquet(at / "a.parquet", {"label": [0, 1] * 30}), "besides the label"),
    "three rows": (lambda at: parquet(at / "a.parquet", points(3)), "at least 20 rows, found 3"),
    "ids twice": (
        lambda at: parquet(at / "a.parquet", points(row_id=["x", *map(str, range(ROWS - 2)), "x"])),
        "'x' twice",
    ),
    "types change": (
        lambda at: (
            parquet(parquet(at / "a.parquet", points()).with_name("b.parquet"), points(a=["many"] * ROWS)).parent
        ),
        "change a column's type",
    ),
    "columns change": (
        lambda at: (
            parquet(parquet(at / "a.parquet", points()).with_name("b.parquet"), {"a": [1.0], "label": [0]}).parent
        ),
        "expected a column b in every file",
    ),
}


@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_one_clear_error_and_nothing_is_written(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    assert words in refusal(screen(make(folder), tmp_path / "out"), tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--labels", "lable"), "--labels lable: no such column; did you mean 'label'"),
        (("--labels", "row_id"), "--labels row_id: no such column"),
        (("--source", "where"), "--source where: no such column"),
        (("--detectors", "outlier"), "--detectors outlier: no such detector; did you mean 'outliers'"),
        (("--kind", "image"), "expected one column of images, found a (double), b (double)"),
        (("--kind", "text"), "expected one string column"),
        (("--trusted", "none.parquet"), "none.parquet: expected a dataset, found no such file"),
    ],
)
def test_misuse_is_one_clear_error_with_the_near_miss(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    path = parquet(tmp_path / "a.parquet", points())
    assert message in refusal(screen(path, tmp_path / "out", *words), tmp_path / "out")


def test_trusted_rows_of_other_columns_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", points())
    trusted = parquet(tmp_path / "t.parquet", {"c": [1.0] * 30, "label": [0, 1] * 15})
    said = refusal(screen(path, tmp_path / "out", "--trusted", str(trusted)), tmp_path / "out")
    assert "--trusted: expected tabular rows of a, b, found tabular rows of c" in said


DEGRADED: dict[str, tuple[dict[str, Any], str, str]] = {
    "one class": ({"label": [7] * ROWS}, "labels", "every row is labelled 7"),
    "rare class": ({"label": ["a", "b"] * (ROWS // 2 - 1) + ["a", "C"]}, "labels", "too rare to be judged"),
    "label out of range": ({"label": [0, 1] * (ROWS // 2 - 3) + [-1] * 3 + [255] * 3}, "labels", "out of range beside"),
    "NaN": ({"a": NAN}, "values", "NaN, infinite or too large: a 1 cells"),
    "lists of several lengths": ({"b": [[1] * (row % 3) for row in range(ROWS)]}, "values", "several lengths: b"),
    "too large": ({"a": [1e300, *NAN[1:]]}, "values", "NaN, infinite or too large: a 1 cells"),
    "infinite": ({"a": [float("inf"), *NAN[1:]]}, "values", "NaN, infinite or too large: a 1 cells"),
}


@pytest.mark.parametrize(("changed", "check", "words"), DEGRADED.values(), ids=DEGRADED)
def test_what_can_be_judged_in_part_is_not_checked_with_its_reason(
    tmp_path: Path, changed: dict[str, Any], check: str, words: str
) -> None:
    found = document(screen(parquet(tmp_path / "a.parquet", points(**changed)), tmp_path / "out"), code=3)
    assert found["verdict"] == "not_checked"
    told = {one["name"]: one for one in found["checks"]}[check]
    assert told["verdict"] == "not_checked" and words in told["detail"]
    assert told["detail"].split(";")[0][:30] in (tmp_path / "out" / "report.html").read_text()


def test_nan_in_images_is_not_checked(tmp_path: Path) -> None:
    images, labels = digits()
    broken = images.astype(np.float32)
    broken[3, 0, 0] = np.nan
    found = document(screen(npz(tmp_path / "d.npz", images=broken, label=labels), tmp_path / "out"), code=3)
    assert "NaN, infinite or too large: image 1 rows" in str(found["checks"])


def test_labels_unknown_to_the_trusted_rows_are_not_checked(tmp_path: Path) -> None:
    labels = [0, 1, 2] * (ROWS // 3)
    path = parquet(tmp_path / "a.parquet", points(label=labels))
    trusted = parquet(tmp_path / "t.parquet", points(60))
    found = document(screen(path, tmp_path / "out", "--trusted", str(trusted)), code=3)
    assert "labels not among the trusted rows: 2 (40 rows)" in str(found["checks"])
