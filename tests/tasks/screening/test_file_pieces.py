"""Files in pieces: every row in exactly one, and how many there are about, before they are read."""

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.errors import EngineUnavailable
from tasks.screening.data_files import find_files
from tasks.screening.file_pieces import PIECE_ROWS, FilePiece, cut, read_all, read_piece, rows_about
from tests.tasks.screen_story import document, idx, npz, parquet, points, screen, text

ROWS = 3000


def lines(rows: int = ROWS) -> bytes:
    values = np.random.default_rng(0).normal(size=rows)
    return b"a,label\n" + b"".join(b"%.6f,%d\n" % (value, row % 2) for row, value in enumerate(values))


def two_pairs(folder: Path) -> Path:
    for name in ("test", "train"):
        text(folder / f"{name}-images-idx3-ubyte", idx(np.zeros((ROWS // 2, 2, 2))))
        text(folder / f"{name}-labels-idx1-ubyte", idx(np.zeros(ROWS // 2)))
    return folder


FORMS: dict[str, tuple[Callable[[Path], Path], float]] = {
    "Parquet": (lambda at: parquet(at / "a.parquet", points(ROWS)), 0),
    "NPZ": (lambda at: npz(at / "a.npz", images=np.zeros((ROWS, 2, 2)), label=np.zeros(ROWS)), 0),
    "IDX": (two_pairs, 0),
    "CSV": (lambda at: text(at / "a.csv", lines()), 0.1),
    "gzip": (lambda at: text(at / "a.csv.gz", gzip.compress(lines())), 0.1),
    "bzip2": (lambda at: text(at / "a.csv.bz2", bz2.compress(lines())), 0.1),
    "a long file": (lambda at: text(at / "a.csv", lines(50 * ROWS)), 0.1),
}


@pytest.mark.parametrize("form", FORMS)
def test_number_of_rows_is_known_about_before_they_are_read(tmp_path: Path, form: str) -> None:
    make, off = FORMS[form]
    data = find_files(make(tmp_path))
    rows = 50 * ROWS if form == "a long file" else ROWS
    assert abs(rows_about(data, "label") - rows) <= off * rows


def test_small_row_groups_are_read_together_and_each_once(tmp_path: Path) -> None:
    rows = 5 * PIECE_ROWS // 2
    pq.write_table(
        pa.table({"a": np.arange(rows), "label": np.zeros(rows)}), tmp_path / "a.parquet", row_group_size=999
    )
    data = find_files(tmp_path / "a.parquet")
    pieces = cut(data)
    assert len(pieces) == 3 and all(len(piece.groups) > 30 for piece in pieces)
    read = [value for batch in read_all(data, "label") for value in batch.column("a").to_pylist()]
    assert read == list(range(rows))


def test_file_that_a_process_does_not_see_is_no_bad_data(tmp_path: Path) -> None:
    data = find_files(parquet(tmp_path / "a.parquet", points()))
    with pytest.raises(EngineUnavailable, match="where every node of Ray sees them"):
        next(read_piece(data, FilePiece((tmp_path / "elsewhere.parquet",)), "label", None))


@pytest.mark.parametrize(("address", "joined"), [("node:1", "node:1"), ("local", ""), (None, "theirs:2")])
def test_command_says_above_how_many_rows_and_where_ray_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str | None, joined: str
) -> None:
    from tasks.screening import screen_file

    seen, engine = [], screen_file.choose_engine

    def looked_at(rows: int, above: int, settings: Any, say: Any) -> Any:
        seen.append((rows, above, settings.ray_address))
        return engine(rows, 0, settings, say)

    monkeypatch.setattr(screen_file, "choose_engine", looked_at)
    monkeypatch.setenv("ASSAY_RAY_ADDRESS", "theirs:2")
    words = ["--ray-above", "50", "--detectors", "outliers", *(["--ray", address] if address else [])]
    document(screen(parquet(tmp_path / "a.parquet", points()), tmp_path / "out", *words))
    assert seen == [(120, 50, joined)]
