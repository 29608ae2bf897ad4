"""Blocks of array rows as record batches."""

from typing import TYPE_CHECKING, Any

from assay.errors import SpecError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_MOST_COLUMNS = 2000


def array_batches(values: "NDArray[Any]", labels: "NDArray[Any]", label: str, *, is_image: bool) -> "pa.RecordBatch":
    """(rows, …) values and (rows,) labels as one batch.

    Images become a column `image` of fixed-size lists nested like the array; else columns `f0`, `f1`, …
    """
    import numpy as np
    import pyarrow as pa

    if values.dtype.kind not in ("biuf" if is_image else "biufSU"):
        raise SpecError(f"{'images' if is_image else 'features'}: expected numbers, found {values.dtype}; convert them")
    columns: dict[str, Any] = {}
    values = values.astype(values.dtype.newbyteorder("="), copy=False)  # Arrow knows no other byte order
    if is_image:
        column = pa.array(np.ascontiguousarray(values).reshape(-1))
        for size in reversed(values.shape[1:]):
            column = pa.FixedSizeListArray.from_arrays(column, int(size))
        columns["image"] = column
    else:
        matrix = values.reshape(len(values), -1)
        if matrix.shape[1] > _MOST_COLUMNS:
            raise SpecError(f"{matrix.shape[1]} features: more than {_MOST_COLUMNS} columns; name the array `images`")
        columns = {
            f"f{position}": pa.array(np.ascontiguousarray(matrix[:, position])) for position in range(matrix.shape[1])
        }
    native = labels.astype(labels.dtype.newbyteorder("="))
    columns[label] = pa.array(native if native.dtype.kind not in "SU" else native.astype(str).tolist())
    return pa.RecordBatch.from_pydict(columns)
