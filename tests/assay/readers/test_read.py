"""Each built-in reader on small real files."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.errors import SpecError
from assay.readers.read import read_files
from assay.spec import CollectorSpec


def read(reader: str, files: list[Path], queries: list[Path] | None = None, **options: Any) -> pa.Table:
    spec = CollectorSpec.model_validate(
        {"sources": [{"source": "path", "path": "x"}], "reader": reader, "options": options}
    )
    return pa.Table.from_batches(list(read_files(spec, files, queries or [])))


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_csv_with_and_without_a_header(tmp_path: Path) -> None:
    headed = write(tmp_path / "a.csv", "a,label\n1,0\n2,1\n")
    assert read("csv", [headed]).to_pydict() == {"a": [1, 2], "label": [0, 1]}
    bare = write(tmp_path / "b.csv", "1;x\n?;y\n")
    table = read("csv", [bare], columns=["a", "label"], delimiter=";", missing=["?"])
    assert table.to_pydict() == {"a": [1, None], "label": ["x", "y"]}


def test_later_csv_files_follow_the_types_of_the_first(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.csv", "a,label\n1.5,0\n"), write(tmp_path / "b.csv", "a,label\n2,1\n")
    assert read("csv", [first, second])["a"].to_pylist() == [1.5, 2.0]
    with pytest.raises(SpecError, match=r"b.csv: not the CSV the spec describes"):
        read("csv", [first, write(tmp_path / "b.csv", "a,label\nword,1\n")])


def test_a_compressed_csv_and_quoted_line_breaks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b'text,label\n"two\nlines",1\n'))
    assert read("csv", [path]).to_pydict() == {"text": ["two\nlines"], "label": [1]}


def test_an_unknown_option_gets_a_near_miss(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="did you mean 'delimiter'"):
        read("csv", [write(tmp_path / "a.csv", "a\n1\n")], delimeter=";")


def test_queries_are_read_beside_files_of_another_reader(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [3], "label": [1]}), tmp_path / "query-2.parquet")
    table = read("csv", [write(tmp_path / "a.csv", "a,label\n1,0\n")], [tmp_path / "query-2.parquet"])
    assert table["a"].to_pylist() == [1, 3]


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"a.parquet: expected Parquet"):
        read("parquet", [write(tmp_path / "a.parquet", "no parquet at all")])


def test_npz_images_and_features(tmp_path: Path) -> None:
    images = np.arange(2500 * 6, dtype=np.float32).reshape(2500, 2, 3)
    np.savez_compressed(tmp_path / "a.npz", images=images, label=np.arange(2500) % 3)
    table = read("npz", [tmp_path / "a.npz"])
    assert table["image"].type == pa.list_(pa.list_(pa.float32(), 3), 2)
    assert np.array_equal(np.array(table["image"].to_pylist()), images)
    np.savez(tmp_path / "b.npz", features=np.eye(3), label=np.array(["x", "y", "z"]))
    assert read("npz", [tmp_path / "b.npz"]).to_pydict() == {
        "f0": [1, 0, 0], "f1": [0, 1, 0], "f2": [0, 0, 1], "label": ["x", "y", "z"]
    }  # fmt: skip


def test_a_pickle_inside_an_npz_is_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    np.savez(tmp_path / "a.npz", features=np.array([[Bomb()]], dtype=object), label=np.array([0]), allow_pickle=True)
    with pytest.raises(SpecError, match="allow_pickle=False"):
        read("npz", [tmp_path / "a.npz"])
    assert not (tmp_path / "exploded").exists()


def test_npz_of_wrong_names_lengths_and_order_is_refused(tmp_path: Path) -> None:
    cases = {
        "found": {"x": np.eye(2), "label": np.arange(2)},
        "2 features but 3 labels": {"features": np.eye(2), "label": np.arange(3)},
        "C order": {"features": np.asfortranarray(np.ones((2, 3))), "label": np.arange(2)},
    }
    for message, arrays in cases.items():
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(SpecError, match=message):
            read("npz", [tmp_path / "a.npz"])


def write_idx(path: Path, values: np.ndarray) -> Path:
    data = (
        struct.pack(">BBBB", 0, 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    )
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_idx_files_are_paired_by_name(tmp_path: Path) -> None:
    pictures = np.arange(5 * 6, dtype=np.uint8).reshape(5, 2, 3)
    files = [
        write_idx(tmp_path / "t-images-idx3-ubyte", pictures),
        write_idx(tmp_path / "t-labels-idx1-ubyte", np.arange(5, dtype=np.uint8)),
        write_idx(tmp_path / "u-images-idx3-ubyte.gz", pictures),
        write_idx(tmp_path / "u-labels-idx1-ubyte.gz", np.arange(5, dtype=np.uint8)),
    ]
    table = read("idx", files)
    assert table["label"].to_pylist() == [0, 1, 2, 3, 4] * 2
    assert np.array_equal(np.array(table["image"].to_pylist()[:5]), pictures)


def test_idx_without_labels_short_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    pictures = write_idx(tmp_path / "t-images-idx3-ubyte", np.zeros((5, 2, 3), np.uint8))
    with pytest.raises(SpecError, match="expected its labels in t-labels-idx1-ubyte"):
        read("idx", [pictures])
    labels = write_idx(tmp_path / "t-labels-idx1-ubyte", np.zeros(5, np.uint8))
    pictures.write_bytes(pictures.read_bytes()[:-1])
    with pytest.raises(SpecError, match="the file ends early"):
        read("idx", [pictures, labels])
    with pytest.raises(SpecError, match="expected IDX"):
        read("idx", [write(tmp_path / "x", "no idx")])
