"""Rows of stored versions: pick some of them into a new version, shards shared where nothing changes."""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from assay.dataset import ROW_ID, DatasetVersion, Shard, iterate_batches
from assay.row_content import Likeness, row_digests
from assay.shards import write_shards
from assay.store import Store

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_AT_ONCE = 4


def version_schema(version: DatasetVersion, store: Store, folder: Path) -> "pa.Schema":
    """The Arrow schema of the rows: the manifest names types as text only. Needs at least one shard."""
    import pyarrow.parquet as pq

    path = store.fetch(version.shards[0].sha256, folder / "schema.parquet")
    try:
        return pq.read_schema(path).remove_metadata()
    finally:
        path.unlink(missing_ok=True)


def version_digests(
    version: DatasetVersion, columns: list[str], likeness: Likeness, store: Store, folder: Path
) -> list[bytes]:
    """One content digest a row, in order."""
    batches = iterate_batches(version, store, folder, columns)
    return [digest for batch in batches for digest in row_digests(batch, columns, likeness)]


def without_rows(version: DatasetVersion, keep: "NDArray[np.bool_]", store: Store, folder: Path) -> tuple[Shard, ...]:
    """Shards that hold only the rows in `keep`; a shard that loses no row stays as it is."""
    kept: list[Shard] = []
    start = 0
    for shard in version.shards:
        mask = keep[start : start + shard.rows]
        start += shard.rows
        if mask.all():
            kept.append(shard)
        elif mask.any():
            stem = shard.name.removesuffix(".parquet")
            kept += picked_shards(replace(version, shards=(shard,)), mask, store, folder, f"{stem}-kept")
    return tuple(kept)


def picked_shards(
    version: DatasetVersion, keep: "NDArray[np.bool_]", store: Store, folder: Path, prefix: str
) -> tuple[Shard, ...]:
    """New shards of the rows in `keep`, in order, with the columns that `version` names."""
    return write_shards(_picked(version, keep, store, folder), store, folder, prefix)


def _picked(
    version: DatasetVersion, keep: "NDArray[np.bool_]", store: Store, folder: Path
) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa

    start = 0
    for batch in iterate_batches(version, store, folder, list(version.columns)):
        mask = keep[start : start + batch.num_rows]
        start += batch.num_rows
        if mask.any():
            yield batch.filter(pa.array(mask))


def rows_held(version: DatasetVersion, row_ids: Collection[str], store: Store, folder: Path) -> set[str]:
    """Which of the ids the version holds; every shard is verified before it is read."""
    (held,) = rows_in_each([version], row_ids, store, folder)
    return held


def rows_in_each(
    versions: Collection[DatasetVersion], row_ids: Collection[str], store: Store, folder: Path
) -> list[set[str]]:
    """Which of the ids each version holds. Shards are fetched, verified and read some at a time, shared ones once."""
    rows = [version for version in versions if ROW_ID in version.columns]  # a watched window holds requests
    shards = {shard.sha256: replace(version, shards=(shard,)) for version in rows for shard in version.shards}
    search = partial(_ids_in, wanted=frozenset(row_ids), store=store, folder=folder)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(shards, pool.map(search, shards.values()), strict=True))
    return [set().union(*(found.get(shard.sha256, ()) for shard in version.shards)) for version in versions]


def first_row_id(version: DatasetVersion, store: Store, folder: Path) -> str:
    """How a row of the version is called, as an example; "" where it holds none."""
    if ROW_ID not in version.columns:
        return ""
    for batch in iterate_batches(version, store, folder, [ROW_ID], rows_per_batch=1):
        return str(batch.column(ROW_ID)[0])
    return ""


def _ids_in(shard: DatasetVersion, wanted: frozenset[str], store: Store, folder: Path) -> set[str]:
    """Compared in Python: Arrow's own functions take longer to import than most shards to read."""
    found: set[str] = set()
    for batch in iterate_batches(shard, store, folder, [ROW_ID], rows_per_batch=1 << 16):
        found.update(wanted.intersection(batch.column(ROW_ID).to_pylist()))
    return found
