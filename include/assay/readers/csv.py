"""Comma-separated values, also compressed (.gz, .bz2). Types are inferred from the first four megabytes of a file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from assay.errors import SpecError
from assay.json_types import Json
from assay.readers.options import known_options

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_BYTES = 4 << 20


def read_csv(path: Path, options: Mapping[str, Json], schema: "pa.Schema | None") -> Iterator["pa.RecordBatch"]:
    """options: `delimiter`; `columns`, the names in a file without a header; `missing`, cells that mean no value.

    schema: of an earlier file, which this one must follow. Raises SpecError for cells that do not fit and
    for damaged files.
    """
    import pyarrow as pa
    from pyarrow import csv

    known_options(options, ("delimiter", "columns", "missing"), "csv")
    missing = ["", *map(str, cast("list[str]", options.get("missing", ["NA", "NaN", "nan", "null"])))]
    try:
        reader = csv.open_csv(
            path,
            read_options=csv.ReadOptions(
                block_size=_BLOCK_BYTES, column_names=options.get("columns"), use_threads=False
            ),
            parse_options=csv.ParseOptions(delimiter=str(options.get("delimiter", ",")), newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                null_values=missing, strings_can_be_null=True, column_types=schema, timestamp_parsers=[]
            ),
        )
        yield from reader
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise SpecError(
            f"{path.name}: not the CSV the spec describes: {error}; mend the file, or `files`, `reader` and `options`"
        ) from error
