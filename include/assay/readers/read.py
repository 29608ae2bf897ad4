"""The fetched files of a collector as record batches, by the reader the spec names."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from assay.readers.csv import read_csv
from assay.readers.idx import read_idx_files
from assay.readers.npz import read_npz
from assay.readers.parquet import read_parquet
from assay.spec import CollectorSpec

if TYPE_CHECKING:
    import pyarrow as pa


def read_files(collector: CollectorSpec, files: list[Path], queries: list[Path]) -> Iterator["pa.RecordBatch"]:
    """Rows of every file in order, then of the sql queries, which are Parquet whatever the reader is."""
    if collector.reader == "idx":
        yield from read_idx_files(files, collector.options, collector.label)
    elif collector.reader == "csv":
        yield from _read_csvs(collector, files)
    elif collector.reader == "npz":
        for path in files:
            yield from read_npz(path, collector.options, collector.label)
    else:
        for path in files:
            yield from read_parquet(path, collector.options)
    for path in queries:
        yield from read_parquet(path, {})


def _read_csvs(collector: CollectorSpec, files: list[Path]) -> Iterator["pa.RecordBatch"]:
    """The first file decides the types; the others follow them."""
    schema: pa.Schema | None = None
    for path in files:
        for batch in read_csv(path, collector.options, schema):
            schema = schema or batch.schema
            yield batch
