"""Data files cut into pieces that are read alone, by whichever process: row groups of Parquet, else whole files."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from assay.damage import damage_told
from assay.errors import EngineUnavailable, SpecError
from assay.readers.csv import read_csv
from assay.readers.idx import read_idx_files
from assay.readers.npz import read_npz
from assay.readers.parquet import read_parquet
from tasks.screening.data_files import DataFiles, head_of, opened

if TYPE_CHECKING:
    import pyarrow as pa

PIECE_ROWS = 1 << 16  # of Parquet, at least: so many that a piece is worth its way to another process
_MISSING: list[JsonValue] = ["", "NA", "N/A", "null", "NULL", "?"]  # NaN is a number that went wrong, not a missing one
_LOOKED_AT = 1 << 20
_NPY_HEADER_BYTES = 4096


@dataclass(frozen=True)
class FilePiece:
    """files: read together. groups: the row groups of a Parquet file, empty for all of it."""

    files: tuple[Path, ...]
    groups: tuple[int, ...] = ()


def cut(data: DataFiles) -> tuple[FilePiece, ...]:
    """In the order of the rows. IDX is one piece: pictures and labels are paired by their names."""
    files = tuple(file.absolute() for file in data.files)
    if data.form == "idx":
        return (FilePiece(files),)
    if data.form != "parquet":
        return tuple(FilePiece((file,)) for file in files)
    return tuple(FilePiece((file,), groups) for file in files for groups in _row_groups(file))


def read_piece(data: DataFiles, piece: FilePiece, label: str, schema: "pa.Schema | None") -> Iterator["pa.RecordBatch"]:
    """Its rows as the reader gives them. schema: of the first file, whose types every CSV file follows.

    Raises SpecError for damaged files, EngineUnavailable where this machine does not see them.
    """
    import pyarrow as pa

    absent = [file for file in piece.files if not file.is_file()]
    if absent:
        raise EngineUnavailable(
            f"{absent[0]}: the process that reads it finds no such file; put the data where every node of Ray sees "
            "them, or screen without Ray: `--ray-above 0`"
        )
    try:
        for batch in _read(data, piece, label, schema):
            if data.form == "csv":
                _require_text(batch.schema, data.path)
            yield batch
    except (pa.ArrowException, OSError) as error:
        raise SpecError(f"{data.path}: cannot be read as {data.form}: {error}; fetch or save it again") from error


def read_all(data: DataFiles, label: str) -> Iterator["pa.RecordBatch"]:
    """Every row, in order."""
    schema: pa.Schema | None = None
    for piece in cut(data):
        for batch in read_piece(data, piece, label, schema):
            schema = schema or batch.schema
            yield batch


def rows_about(data: DataFiles, label: str) -> int:
    """How many rows there are, before they are read: by what the files say, of CSV by their size and first lines."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if data.form == "csv":
        return round(_lines_a_byte(data.files[0]) * sum(file.stat().st_size for file in data.files))
    if data.form == "idx":
        heads = map(head_of, data.files)
        return sum(int.from_bytes(head[4:8], "big") for head in heads if head[3:4] == b"\1")
    if data.form == "npz":
        return sum(_rows_of_array(file, label) for file in data.files)
    try:
        return sum(pq.read_metadata(file).num_rows for file in data.files)
    except (pa.ArrowException, OSError):
        return 0  # told by whoever reads it


def _read(data: DataFiles, piece: FilePiece, label: str, schema: "pa.Schema | None") -> Iterator["pa.RecordBatch"]:
    first = piece.files[0]
    if data.form == "idx":
        return read_idx_files(list(piece.files), {}, label)
    if data.form == "npz":
        return read_npz(first, {}, label)
    if data.form == "parquet":
        return read_parquet(first, {}, piece.groups)
    return read_csv(first, {"delimiter": _delimiter(data.files[0]), "missing": _MISSING}, schema)


def _row_groups(file: Path) -> list[tuple[int, ...]]:
    """Runs of them of `PIECE_ROWS` rows or more; one run of all where the file does not tell, which its reader will."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(file)
        sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
    except (pa.ArrowException, OSError):
        return [()]
    runs: list[tuple[int, ...]] = []
    start = rows = 0
    for group, size in enumerate(sizes):
        rows += size
        if rows >= PIECE_ROWS or group == len(sizes) - 1:
            runs.append(tuple(range(start, group + 1)))
            start, rows = group + 1, 0
    return runs or [()]


def _require_text(schema: "pa.Schema", path: Path) -> None:
    """Text in another encoding arrives as bytes, which would pass for encoded images."""
    import pyarrow as pa

    strange = [field.name for field in schema if pa.types.is_binary(field.type)]
    if strange:
        raise SpecError(f"{path}: column {strange[0]!r}: expected UTF-8, found other bytes; save the file as UTF-8")


def _delimiter(path: Path) -> str:
    """Of the header: the comma, or where there is none, a tab or semicolon."""
    lines = head_of(path).splitlines()
    header = lines[0].decode(errors="replace") if lines else ""
    return "," if "," in header else max(("\t", ";", ","), key=header.count)


def _lines_a_byte(path: Path) -> float:
    with opened(path) as (text, stored):
        lines = text.read(_LOOKED_AT).count(b"\n")
        return lines / max(stored.tell(), 1)


def _rows_of_array(path: Path, label: str) -> int:
    """By its header: a dictionary written out, in which the shape stands."""
    with damage_told(path.name, "a NumPy archive (.npz)"), zipfile.ZipFile(path) as archive:
        if f"{label}.npy" not in archive.namelist():
            return 0
        with archive.open(f"{label}.npy") as stream:
            shape = re.search(rb"'shape': \((\d+)", stream.read(_NPY_HEADER_BYTES))
            return int(shape[1]) if shape else 0
