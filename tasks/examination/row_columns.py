"""What the dataset says of rows besides a model's inputs: columns in the rows' order, under the names of the spec."""

from typing import TYPE_CHECKING

from assay.dataset import ROW_ASIDE, ROW_ENTITY, ROW_ID, ROW_WEIGHT, load_dataset, read_table
from assay.records import Subject
from assay.workbench import Workbench

if TYPE_CHECKING:
    import pyarrow as pa

_NOT_OF_THE_ROW = (ROW_ID, ROW_ENTITY, ROW_WEIGHT)


def row_columns(subject: Subject, row_ids: tuple[str, ...], bench: Workbench) -> "pa.Table":
    """Every column of single values but the label; null where the version lacks a row.

    Ids, not positions, tell which row is which: a loader of one's own may leave rows out or order them anew.
    """
    import pyarrow as pa

    version = load_dataset(subject, bench.store)
    left_out = (*_NOT_OF_THE_ROW, version.label)
    chosen = [name for name, kind in version.columns.items() if "<" not in kind and name not in left_out]
    table = read_table(version, bench.store, bench.workdir, [ROW_ID, *chosen])
    place = {row_id: position for position, row_id in enumerate(table[ROW_ID].to_pylist())}
    aligned = table.select(chosen).take(pa.array([place.get(row_id) for row_id in row_ids], pa.int64()))
    return aligned.rename_columns([name.removeprefix(ROW_ASIDE) for name in chosen])
