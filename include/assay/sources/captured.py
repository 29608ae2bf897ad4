"""Rows the deployment answered and somebody labelled since, brought under the schema of the other rows.

Row ids tell which labels a model of ours gave: the screen keeps such rows out, for a model that learns from its own
answers learns its own errors.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from assay.capture import MODEL, labelled_rows
from assay.class_labels import label_names
from assay.dataset import ROW_ENTITY, ROW_ID, ROW_SOURCE
from assay.errors import SpecError
from assay.feature_columns import feature_columns
from assay.settings import Settings
from assay.spec import CollectorSpec

if TYPE_CHECKING:
    import pyarrow as pa


_SERVED = "captured-"
_BY_MODEL = f"{_SERVED}by-model:"


@dataclass(frozen=True)
class CapturedRows:
    """Labelled rows of one deployment as they stood at `at`. sha256: over request, row, label and who gave it."""

    name: str
    sha256: str
    rows: int
    at: datetime
    tables: tuple["pa.Table", ...]

    @property
    def uri(self) -> str:
        return f"captured:{self.name}"


def fetch_captured(settings: Settings, name: str, at: datetime) -> CapturedRows:
    """Everything labelled so far, oldest first; none is fine. Labelled rows are few: people wrote the labels."""
    tables = tuple(labelled_rows(settings, name))
    digest = hashlib.sha256()
    for table in tables:
        for key in zip(
            *(table[column].to_pylist() for column in ("request_id", "row", "true_label", "origin")), strict=True
        ):
            digest.update("{}\t{}\t{}\t{}\n".format(*key).encode())
    return CapturedRows(name, digest.hexdigest(), sum(table.num_rows for table in tables), at, tables)


def captured_batches(
    captured: CapturedRows, collector: CollectorSpec, schema: "pa.Schema | None"
) -> Iterator["pa.RecordBatch"]:
    """The rows under `schema`, or without one as `row_id`, input column and label.

    Raises SpecError when a served input does not fit the input columns.
    """
    for table in captured.tables:
        if not table.num_rows:
            continue
        target = schema or _own_schema(table, collector)
        yield from _under(target, table, collector, captured.uri).to_batches()


def _own_schema(table: "pa.Table", collector: CollectorSpec) -> "pa.Schema":
    import pyarrow as pa

    if collector.kind == "tabular":
        width = len(table["input"][0])
        inputs = [(f"input_{position}", pa.float32()) for position in range(width)]
    else:
        inputs = [(collector.kind, table.schema.field("input").type)]
    return pa.schema([(ROW_ID, pa.string()), *inputs, (collector.label, pa.int64())])


def _under(schema: "pa.Schema", table: "pa.Table", collector: CollectorSpec, uri: str) -> "pa.Table":
    import pyarrow as pa

    names = feature_columns(schema, collector.kind, collector.label)
    try:
        inputs = _inputs(table["input"], [schema.field(name) for name in names], collector.kind)
        inputs[collector.label] = label_names(
            table["true_label"], schema.field(collector.label).type, collector.options
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, ValueError) as error:
        raise SpecError(f"{uri}: served inputs do not fit the columns {', '.join(names)}: {error}") from error
    facts = (table[name].to_pylist() for name in ("request_id", "row", "origin", "by", "version"))
    inputs[ROW_ID] = pa.array([_row_id(*fact) for fact in zip(*facts, strict=True)], pa.string())
    if ROW_SOURCE in schema.names:
        inputs[ROW_SOURCE] = pa.array([uri] * table.num_rows, pa.string())
    if ROW_ENTITY in schema.names:  # nobody says whom a served row is about: each stands for itself
        inputs[ROW_ENTITY] = inputs[ROW_ID]
    empty = {field.name: pa.nulls(table.num_rows, field.type) for field in schema if field.name not in inputs}
    return pa.table({name: (inputs | empty)[name] for name in schema.names}, schema=schema)


def is_captured(row_id: str) -> bool:
    """Whether the row was served: it has inputs and a label, and nothing in the columns about the row itself."""
    return row_id.startswith(_SERVED)


def model_labelled_id(request_id: str, row: int, version: str) -> str:
    """The id of a row whose label was given by that version of our own model."""
    return f"{_BY_MODEL}{quote(version, safe='')}:{request_id}-{row}"


def labelling_model(row_id: str) -> str | None:
    """The version of the model that gave the row its label; None where the id names none."""
    if not row_id.startswith(_BY_MODEL):
        return None
    return unquote(row_id.removeprefix(_BY_MODEL).partition(":")[0])


def _row_id(request_id: str, row: int, origin: str, by: str, version: int) -> str:
    if origin == MODEL:
        return model_labelled_id(request_id, row, by or str(version))
    return f"{_SERVED}{request_id}-{row}"


def _inputs(column: "pa.ChunkedArray", fields: "list[pa.Field]", kind: str) -> "dict[str, pa.Array]":
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "text":
        return {fields[0].name: column.cast(fields[0].type)}
    values = pc.list_flatten(column.combine_chunks()).to_numpy(zero_copy_only=False)
    matrix = np.asarray(values).reshape(len(column), -1)
    if kind == "image":
        return {fields[0].name: _lists(matrix, fields[0].type)}
    if matrix.shape[1] != len(fields):
        raise ValueError(f"{matrix.shape[1]} values a row for {len(fields)} columns")
    return {field.name: pa.array(matrix[:, position]).cast(field.type) for position, field in enumerate(fields)}


def _lists(matrix: "object", data_type: "pa.DataType") -> "pa.Array":
    """The matrix's rows as lists of `data_type`, nested fixed sizes from the inside out."""
    import numpy as np
    import pyarrow as pa

    values = np.asarray(matrix)
    sizes = []
    inner = data_type
    while pa.types.is_fixed_size_list(inner):
        sizes.append(inner.list_size)
        inner = inner.value_type
    if not sizes:
        return pa.array(list(values), pa.list_(pa.float32())).cast(data_type)
    if int(np.prod(sizes)) != values.shape[1]:
        raise ValueError(f"{values.shape[1]} values a row for {sizes}")
    array = pa.array(values.reshape(-1)).cast(inner)
    for size in reversed(sizes):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array.cast(data_type)
