"""Rows for models: the loaders for images, tables and texts, and user classes by their path."""

import importlib
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from assay.class_labels import label_indices
from assay.dataset import ROW_ID, ROW_WEIGHT
from assay.errors import SpecError
from assay.feature_columns import feature_columns, list_shape
from assay.json_types import Json
from assay.near_miss import suggestion
from assay.sdk import DatasetLoader, Rows
from assay.spec import PipelineSpec

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


def open_loader(spec: PipelineSpec) -> DatasetLoader:
    """The loader that `data.loader` names, by default the one of the collector's kind.

    Raises SpecError when a class path leads nowhere or to something that is no DatasetLoader.
    """
    chosen = spec.data.loader or spec.data.collector.kind
    options = spec.data.collector.options
    if chosen in _LOADERS:
        return _LOADERS[chosen](options)
    loader: DatasetLoader = load_class(chosen, DatasetLoader)()
    return loader


def load_class(class_path: str, expected: type) -> Any:
    """Import `package.module:ClassName`.

    Raises SpecError when there is no such module or class, or it is no subclass of `expected`.
    """
    module_name, _, class_name = class_path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise SpecError(
            f"{class_path}: {error}; expected a file {module_name.replace('.', '/')}.py on the Python path"
        ) from error
    except Exception as error:  # a user's module may raise anything
        raise SpecError(
            f"{class_path}: importing {module_name} raises {type(error).__name__}: {error}; mend that module"
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise SpecError(f"{class_path}: no class {class_name!r} in {module_name}; {suggestion(class_name, classes)}")
    if not (isinstance(found, type) and issubclass(found, expected)):
        raise SpecError(
            f"{class_path}: expected a {expected.__name__}; write `class {class_name}(assay.{expected.__name__}):`"
        )
    return found


class _TableLoader(DatasetLoader):
    """What the built-in loaders share. options: `classes`, the names of string labels in the order of their index."""

    kind = ""

    def __init__(self, options: Mapping[str, Json]) -> None:
        self.options = options

    def load_function(self, batches: "Iterator[pa.RecordBatch]", label: str) -> Rows:
        """All rows. Raises SpecError for a missing column, missing values or unusable labels."""
        import pyarrow as pa

        table = pa.Table.from_batches(list(batches))
        if label not in table.column_names:
            raise SpecError(f"label {label!r}: no such column; {suggestion(label, table.column_names)}")
        columns = feature_columns(table.schema, self.kind, label)
        return Rows(
            inputs=self._inputs(table.select(columns)),
            labels=label_indices(table[label], self.options),
            row_ids=tuple(table[ROW_ID].to_pylist()),
            weights=table[ROW_WEIGHT].to_numpy() if ROW_WEIGHT in table.column_names else None,
        )

    @abstractmethod
    def _inputs(self, table: "pa.Table") -> "NDArray[Any]":
        """The input columns as one array, first axis = rows."""


class ImageLoader(_TableLoader):
    """float32 (rows, *shape), values as collected.

    shape: the option `shape`, else the nested sizes of the column's type, else square when that fits.
    """

    kind = "image"

    def _inputs(self, table: "pa.Table") -> "NDArray[Any]":
        import numpy as np

        column = table.column(0)
        flat = flat_numbers(column, table.column_names[0])
        values = flat.reshape(len(column), -1) if len(column) else flat.reshape(0, 1)
        return np.ascontiguousarray(values, dtype=np.float32).reshape(
            len(column), *self._shape(column, values.shape[1])
        )

    def _shape(self, column: "pa.ChunkedArray", width: int) -> tuple[int, ...]:
        shape = self.options.get("shape")
        if isinstance(shape, list):
            sizes = tuple(int(str(size)) for size in shape)
            if math.prod(sizes) != width:
                raise SpecError(f"data.collector.options.shape: {list(sizes)} is not {width} values, which a row has")
            return sizes
        nested = list_shape(column.type)
        if len(nested) > 1:
            return nested
        side = math.isqrt(width)
        return (side, side) if side * side == width else (width,)


class TextLoader(_TableLoader):
    """Object array (rows,) of str, as collected: all preparation is part of the model."""

    kind = "text"

    def _inputs(self, table: "pa.Table") -> "NDArray[Any]":
        import numpy as np

        texts = table.column(0)
        if texts.null_count:
            raise SpecError(f"column {table.column_names[0]!r}: {texts.null_count} texts are missing; leave them out")
        return np.array(texts.to_pylist(), dtype=object)


class TabularLoader(_TableLoader):
    """float32 (rows, columns): every column but row id and label, which must be numbers or booleans."""

    kind = "tabular"

    def _inputs(self, table: "pa.Table") -> "NDArray[Any]":
        import numpy as np

        columns = [_numbers(table[name], name) for name in table.column_names]
        return np.ascontiguousarray(np.column_stack(columns), dtype=np.float32)


def flat_numbers(column: "pa.ChunkedArray", name: str) -> "NDArray[Any]":
    """All numbers of a list column, row after row. Raises SpecError unless every row has as many, none missing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    rows = len(array)
    while pa.types.is_nested(array.type):
        array = pc.list_flatten(array)
    if array.null_count or (rows and len(array) % rows):
        raise SpecError(f"column {name!r}: expected as many numbers in every row, none missing; mend or leave out rows")
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        raise SpecError(f"column {name!r}: expected lists of numbers, found {column.type}; mend the collector")
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _numbers(column: "pa.ChunkedArray", name: str) -> Any:
    import pyarrow as pa

    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        raise SpecError(
            f"column {name!r}: expected numbers, found {column.type}; encode it in a Collector or DatasetLoader "
            "of your own, or leave the column out"
        )
    if column.null_count:
        raise SpecError(f"column {name!r}: {column.null_count} values are missing; fill or leave out these rows")
    return column.cast(pa.float64()).to_numpy()


_LOADERS: Mapping[str, type[_TableLoader]] = {"image": ImageLoader, "tabular": TabularLoader, "text": TextLoader}
