"""The version that may be trained on: shards whose rows all stay as they are keep their digest."""

from dataclasses import replace
from typing import TYPE_CHECKING

from assay.dataset import ROW_WEIGHT, DatasetVersion, Shard, save_dataset
from assay.records import Subject

if TYPE_CHECKING:
    import pyarrow as pa

    from assay.workbench import Workbench
    from tasks.screening.cleaning import Cleaning


def admit_rows(version: DatasetVersion, raw: Subject, cleaning: "Cleaning", bench: "Workbench") -> Subject:
    """Save NAME.admitted. With weights every shard gets the column `row_weight`."""
    shards, start = [], 0
    for shard in version.shards:
        kept = cleaning.kept[start : start + shard.rows]
        if kept.all() and cleaning.weights is None:
            shards.append(shard)
        elif kept.any():
            shards.append(_cleaned(shard, start, version.label, cleaning, bench))
        start += shard.rows
    columns = dict(version.columns) if cleaning.weights is None else {**version.columns, ROW_WEIGHT: "float"}
    name = f"{version.name}.admitted"
    admitted = replace(version, name=name, columns=columns, shards=tuple(shards), parent=raw.sha256)
    return save_dataset(admitted, bench.store)


def _cleaned(shard: Shard, start: int, label: str, cleaning: "Cleaning", bench: "Workbench") -> Shard:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = bench.store.fetch(shard.sha256, bench.workdir / f"{shard.sha256}.parquet")
    table = pq.read_table(path)
    stop = start + shard.rows
    if cleaning.weights is not None:
        table = _relabelled(table, start, label, cleaning)
        table = table.append_column(ROW_WEIGHT, pa.array(cleaning.weights[start:stop], pa.float32()))
    table = table.filter(pa.array(cleaning.kept[start:stop]))
    path.unlink()
    pq.write_table(table, path)
    try:
        return Shard(shard.name, bench.store.put_file(path), path.stat().st_size, table.num_rows)
    finally:
        path.unlink()


def _relabelled(table: "pa.Table", start: int, label: str, cleaning: "Cleaning") -> "pa.Table":
    """New class names under the label column's own type."""
    import pyarrow as pa

    changed = {place - start: name for place, name in cleaning.labels.items() if 0 <= place - start < table.num_rows}
    if not changed:
        return table
    column = table[label]
    values = column.to_pylist()
    names = pa.array(list(changed.values())).cast(column.type).to_pylist()
    for place, name in zip(changed, names, strict=True):
        values[place] = name
    return table.set_column(table.column_names.index(label), label, pa.array(values, column.type))
