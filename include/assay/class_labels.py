"""Labels as class indices: whole numbers and booleans as they are, strings by the spec's list of classes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from assay.errors import SpecError
from assay.json_types import Json
from assay.near_miss import suggestion

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


def label_indices(column: "pa.ChunkedArray", options: Mapping[str, Json]) -> "NDArray[np.int64]":
    """int64 (rows,). options["classes"]: names of string labels, in the order of their index.

    Without it, strings must be whole numbers: an order derived from the data would change when a class is added.
    Raises SpecError for missing, negative, fractional or unknown labels.
    """
    import numpy as np
    import pyarrow as pa

    if column.null_count:
        raise SpecError(f"labels: {column.null_count} of {len(column)} are missing; label or leave out these rows")
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array([_index(name, options) for name in column.to_pylist()], dtype=np.int64)
    if pa.types.is_floating(column.type):
        values = column.to_numpy()
        if not np.array_equal(values, np.floor(values)):
            raise SpecError(
                f"labels: expected classes, found fractions such as {values[values != np.floor(values)][0]}"
            )
    elif not pa.types.is_integer(column.type):
        raise SpecError(f"labels: expected whole numbers, booleans or strings, found {column.type}")
    indices: NDArray[np.int64] = column.to_numpy().astype(np.int64)
    if len(indices) and indices.min() < 0:
        raise SpecError(f"labels: expected class indices from 0, found {indices.min()}; mend the collector")
    return indices


def _index(name: str, options: Mapping[str, Json]) -> int:
    classes = options.get("classes")
    if isinstance(classes, list):
        if name not in classes:
            raise SpecError(
                f"label {name!r}: not in data.collector.options.classes; {suggestion(name, map(str, classes))}"
            )
        return classes.index(name)
    if name.isdecimal():
        return int(name)
    raise SpecError(f"label {name!r} is a name; list the classes in data.collector.options: classes: [{name}, …]")


def label_names(column: "pa.ChunkedArray", data_type: "pa.DataType", options: Mapping[str, Json]) -> "pa.ChunkedArray":
    """Class indices in a label column's type: the reverse of `label_indices`."""
    import pyarrow as pa

    classes = options.get("classes")
    if (pa.types.is_string(data_type) or pa.types.is_large_string(data_type)) and isinstance(classes, list):
        return pa.chunked_array([[str(classes[index]) for index in column.to_pylist()]], data_type)
    return column.cast(data_type)
