"""A dataset version as a pandas frame of scalar columns, built a batch at a time.

A nested numeric column (an image) is replaced by NAME_min, NAME_max and NAME_mean of each row, so that
expectations can be written about images too; NaN and infinities inside a row show in these.
"""

from typing import TYPE_CHECKING, Any

from assay.dataset import ROW_ID, DatasetVersion, iterate_batches
from assay.sources.captured import is_captured

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from assay.workbench import Workbench

DERIVED = ("min", "max", "mean")


def scalar_frame(version: DatasetVersion, bench: "Workbench") -> "pd.DataFrame":
    """All rows; memory grows with the scalar columns only."""
    import pandas as pd

    parts = [
        pd.DataFrame({name: values for column in batch.schema.names for name, values in _scalars(batch, column)})
        for batch in iterate_batches(version, bench.store, bench.workdir)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({name: [] for name in version.columns})


def from_sources(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The rows that the deployment did not serve, for served ones lack all columns but inputs and label.

    All rows when every one was served.
    """
    if ROW_ID not in frame:
        return frame
    told = frame[[not is_captured(str(row_id)) for row_id in frame[ROW_ID]]]
    return told if len(told) else frame


def derived_names(column: str) -> tuple[str, ...]:
    """The scalar columns that stand for a nested `column`."""
    return tuple(f"{column}_{statistic}" for statistic in DERIVED)


def _scalars(batch: "pa.RecordBatch", column: str) -> "list[tuple[str, pd.Series[Any]]]":
    import pyarrow as pa

    array = batch.column(column)
    if not pa.types.is_nested(array.type):
        return [(column, array.to_pandas())]
    rows = [_row_statistics(row) for row in array]
    return [(name, _series([row[place] for row in rows])) for place, name in enumerate(derived_names(column))]


def _row_statistics(row: "pa.Scalar") -> tuple[float, float, float]:
    """Minimum, maximum and mean of one row's numbers; NaN when there is none or a part is missing."""
    import numpy as np
    import pyarrow as pa

    missing = (float("nan"),) * 3
    if not row.is_valid or pa.types.is_struct(row.type):
        return missing
    values = row.values
    while pa.types.is_nested(values.type):
        if values.null_count or pa.types.is_struct(values.type):
            return missing
        values = values.flatten()
    if not len(values) or values.null_count or not _is_number(values.type):
        return missing
    numbers = values.to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        return float(numbers.min()), float(numbers.max()), float(numbers.mean())


def _is_number(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _series(values: list[float]) -> "pd.Series[float]":
    import pandas as pd

    return pd.Series(values, dtype="float64")
