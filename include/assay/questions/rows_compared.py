"""Which rows two dataset versions share, by row id; shards that both hold are not even read."""

import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.dataset import ROW_ID, DatasetVersion, Shard, iterate_batches, load_dataset
from assay.json_types import JsonObject
from assay.records import Subject
from assay.store import Store

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class RowsCompared:
    """a, b: rows of each version. both, only_a, only_b: by row id. None where it is not known; `why` says so."""

    a: int | None
    b: int | None
    both: int | None = None
    only_a: int | None = None
    only_b: int | None = None
    why: str = ""

    def to_json(self) -> JsonObject:
        return {
            "a": self.a,
            "b": self.b,
            "both": self.both,
            "only_a": self.only_a,
            "only_b": self.only_b,
            "why": self.why,
        }


def compare_rows(a: Subject | None, b: Subject | None, store: Store) -> RowsCompared:
    """Raises IntegrityError when a manifest or a shard was changed; what is gone from the store is told in `why`."""
    old, new = _version(a, store), _version(b, store)
    counts = RowsCompared(old.rows if old else None, new.rows if new else None)
    if old is None or new is None:
        return replace(counts, why=_absent("manifest", "A" if old is None else "B"))
    if a == b:
        return replace(counts, both=old.rows, only_a=0, only_b=0)
    if ROW_ID not in old.columns or ROW_ID not in new.columns:
        return replace(counts, why="rows without ids cannot be told apart")
    shared = {shard.sha256 for shard in old.shards} & {shard.sha256 for shard in new.shards}
    own = [replace(version, shards=_without(version, shared)) for version in (old, new)]
    alike = _rows(shard for shard in old.shards if shard.sha256 in shared)
    if all(version.shards for version in own):  # one that only grew needs no reading
        for side, version in zip("AB", own, strict=True):
            if any(not store.exists(shard.sha256) for shard in version.shards):
                return replace(counts, why=_absent("shards", side))
        alike += _common(own[0], own[1], store)
    return replace(counts, both=alike, only_a=old.rows - alike, only_b=new.rows - alike)


def _version(subject: Subject | None, store: Store) -> DatasetVersion | None:
    return load_dataset(subject, store) if subject is not None and store.exists(subject.sha256) else None


def _absent(what: str, side: str) -> str:
    return f"not in the store any more: {what} of {side}"


def _without(version: DatasetVersion, shared: Collection[str]) -> tuple[Shard, ...]:
    return tuple(shard for shard in version.shards if shard.sha256 not in shared)


def _rows(shards: Iterable[Shard]) -> int:
    return sum(shard.rows for shard in shards)


def _common(old: DatasetVersion, new: DatasetVersion, store: Store) -> int:
    """How many rows of `old` have an id that `new` has."""
    import pyarrow.compute as pc

    with tempfile.TemporaryDirectory(prefix="assay-rows-") as folder:
        known = _ids(new, store, Path(folder))
        return int(pc.sum(pc.is_in(_ids(old, store, Path(folder)), value_set=known)).as_py() or 0)


def _ids(version: DatasetVersion, store: Store, folder: Path) -> "pa.Array":
    import pyarrow as pa

    batches = iterate_batches(version, store, folder, [ROW_ID], rows_per_batch=1 << 16)
    return pa.concat_arrays([batch.column(0).cast(pa.string()) for batch in batches])
