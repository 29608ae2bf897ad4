"""The version without its quarantined rows: shards that lose none are kept by digest, nothing else changes."""

from dataclasses import replace
from typing import TYPE_CHECKING

from assay.dataset import DatasetVersion, Shard, save_dataset
from assay.records import Subject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.workbench import Workbench


def admit_rows(version: DatasetVersion, raw: Subject, quarantined: "NDArray[np.bool_]", bench: "Workbench") -> Subject:
    """Save NAME.admitted. quarantined: one flag a row of `version`, in order."""
    shards, start = [], 0
    for shard in version.shards:
        kept = ~quarantined[start : start + shard.rows]
        start += shard.rows
        if kept.all():
            shards.append(shard)
        elif kept.any():
            shards.append(_without(shard, kept, bench))
    admitted = replace(version, name=f"{version.name}.admitted", shards=tuple(shards), parent=raw.sha256)
    return save_dataset(admitted, bench.store)


def _without(shard: Shard, kept: "NDArray[np.bool_]", bench: "Workbench") -> Shard:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = bench.store.fetch(shard.sha256, bench.workdir / f"{shard.sha256}.parquet")
    table = pq.read_table(path).filter(pa.array(kept))
    path.unlink()
    pq.write_table(table, path)
    try:
        return Shard(shard.name, bench.store.put_file(path), path.stat().st_size, table.num_rows)
    finally:
        path.unlink()
