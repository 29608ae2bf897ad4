"""Datasets of several pieces in every form, sound and at fault, to be read by one engine or another."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.tasks.screen_story import digits, npz, parquet, text

WORDS = ("oslo", "rome", "bonn", "", "paris")


def table(rows: int, seed: int = 0) -> dict[str, Any]:
    """Numbers with gaps, words with copies, whole numbers and truth values."""
    generator = np.random.default_rng(seed)
    numbers = np.where(generator.random(rows) < 0.02, np.nan, generator.normal(size=rows))
    return {
        "a": pa.array(numbers, from_pandas=True),
        "b": generator.integers(0, 50, rows),
        "city": [WORDS[place] for place in generator.integers(0, len(WORDS), rows)],
        "yes": generator.random(rows) < 0.3,
        "who": [f"annotator {place}" for place in generator.integers(0, 4, rows)],
        "label": generator.integers(0, 3, rows),
    }


def csvs(folder: Path) -> Path:
    from pyarrow import csv

    for part in range(4):
        csv.write_csv(pa.table(table(900, part)), folder / f"{part}.csv")
    return folder


def row_groups(folder: Path) -> Path:
    columns = {**table(9000), "row_id": [f"r{row}" for row in range(9000)]}
    pq.write_table(pa.table(columns), folder / "t.parquet", row_group_size=500)
    return folder / "t.parquet"


def pictures(folder: Path) -> Path:
    images, labels = digits(900)
    for part in range(3):
        npz(folder / f"{part}.npz", images=images[part::3], label=labels[part::3])
    return folder


def mails(folder: Path) -> Path:
    words = np.array(["win", "cash", "prize", "lunch", "home", "tonight", "see", "you", "é", "\n"])
    generator = np.random.default_rng(0)
    for part in range(3):
        texts = [" ".join(generator.choice(words, 12)) for _ in range(400)]
        parquet(folder / f"{part}.parquet", {"text": texts, "label": ["spam", "ham"] * 200})
    return folder


FORMS = {"CSV files": csvs, "row groups": row_groups, "images": pictures, "texts": mails}


def png(size: int, *, is_whole: bool = True) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (size, size)).save(stream, "PNG")
    return stream.getvalue()[: None if is_whole else 40]


def image_files(folder: Path, *last: bytes | None) -> Path:
    for part in range(2):
        images = [png(8)] * 40 + (list(last) if part else [])
        parquet(
            folder / f"{part}.parquet", {"image": pa.array(images, pa.binary()), "label": [0, 1] * (len(images) // 2)}
        )
    return folder


def second_table(folder: Path, **changed: Any) -> Path:
    parquet(folder / "0.parquet", table(500))
    parquet(folder / "1.parquet", {**table(500), **changed})
    return folder


def second_text(folder: Path, content: bytes) -> Path:
    text(folder / "0.csv", b"a,label\n" + b"1,0\n2,1\n" * 100)
    return text(folder / "1.csv", content).parent


def with_twins(folder: Path) -> Path:
    return second_table(folder, label=pa.array([0, 1, None, *([0] * 497)]), a=["many"] * 500)


BAD: dict[str, tuple[Any, str]] = {
    "unreadable image": (lambda at: image_files(at, png(8), png(8, is_whole=False)), "row 81: unreadable image"),
    "no image": (lambda at: image_files(at, None, png(8)), "row 80: expected an image, found none"),
    "two shapes": (lambda at: image_files(at, *([png(8)] * 3), png(9)), "row 83: expected an image of 8×8"),
    "missing label": (lambda at: second_table(at, label=pa.array([0, 1, None, *([0] * 497)])), "first row 502"),
    "type changes": (lambda at: second_table(at, b=["many"] * 500), "change a column's type"),
    "two faults at once": (with_twins, "first row 502"),
    "cut Parquet": (lambda at: text(second_table(at) / "1.parquet", b"PAR1xx").parent, "1.parquet: expected Parquet"),
    "word among numbers": (lambda at: second_text(at, b"a,label\n3,0\nmany,1\n"), "1.csv: not the CSV"),
    "no label at last": (lambda at: second_text(at, b"a,label\n3,0\n4,\n"), "first row 201"),
}
