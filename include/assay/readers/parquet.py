"""Parquet, a few thousand rows at a time."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import SpecError
from assay.json_types import Json
from assay.readers.options import known_options

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_PER_BATCH = 4096


def read_parquet(path: Path, options: Mapping[str, Json], groups: Sequence[int] = ()) -> Iterator["pa.RecordBatch"]:
    """Every column. groups: only these row groups; empty: all. Raises SpecError when the file is no Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    known_options(options, (), "parquet")
    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=_ROWS_PER_BATCH, row_groups=list(groups) or None)
    except (pa.ArrowInvalid, OSError) as error:
        raise SpecError(f"{path.name}: expected Parquet: {error}; mend `files` or `reader` in the spec") from error
