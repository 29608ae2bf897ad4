"""A dataset version is a manifest: ordered shards by digest, schema, source and parent.

The manifest's SHA-256 names the version, so equal content has one name and any change a new one.
Fetch times are not part of the manifest (they would make unchanged data a new version): they stand
in the signed statement of the collection.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from assay.digests import canonical_json
from assay.errors import IntegrityError
from assay.json_types import JsonObject
from assay.records import Subject
from assay.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

ROW_ID = "row_id"
ROW_SOURCE = "row_source"  # who or what a row came from: an annotator, a contributor, a feed
ROW_ENTITY = "row_entity"  # the person, device or thing that a row is about
ROW_WEIGHT = "row_weight"  # how much a mended row counts in training, in (0, 1]; untouched rows count 1
NO_INPUTS = (ROW_ID, ROW_SOURCE, ROW_ENTITY, ROW_WEIGHT)  # columns that no model ever sees
ROW_ASIDE = "row_aside_"  # begins the names of further columns that no model ever sees, such as row_aside_sex
MEDIA_TYPE = "application/vnd.assay.dataset+json;version=1"


@dataclass(frozen=True)
class Shard:
    """One Parquet file: `sha256` of its bytes, `size` in bytes, number of `rows`."""

    name: str
    sha256: str
    size: int
    rows: int


@dataclass(frozen=True)
class Source:
    """Where raw bytes came from: `uri`, their `sha256`, and the server's `etag` where it gave one."""

    uri: str
    sha256: str
    etag: str = ""


@dataclass(frozen=True)
class DatasetVersion:
    """Ordered shards under one schema. `columns`: name -> Arrow type as text; all but watched windows hold `row_id`.

    kind: "image", "tabular" or "text". label: the label column. parent: the version this one derives
    from ("" for raw). row_id_rule: how row ids are made, in words.
    """

    name: str
    kind: str
    label: str
    columns: Mapping[str, str]
    shards: tuple[Shard, ...]
    sources: tuple[Source, ...]
    row_id_rule: str
    parent: str = ""

    @property
    def rows(self) -> int:
        return sum(shard.rows for shard in self.shards)

    def to_json(self) -> JsonObject:
        return {
            "media_type": MEDIA_TYPE,
            "name": self.name,
            "kind": self.kind,
            "label": self.label,
            "columns": dict(self.columns),
            "shards": [{"name": s.name, "sha256": s.sha256, "size": s.size, "rows": s.rows} for s in self.shards],
            "sources": [{"uri": s.uri, "sha256": s.sha256, "etag": s.etag} for s in self.sources],
            "row_id_rule": self.row_id_rule,
            "parent": self.parent,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Self:
        if value.get("media_type") != MEDIA_TYPE:
            raise IntegrityError(f"dataset manifest: expected media type {MEDIA_TYPE}, found {value.get('media_type')}")
        return cls(
            name=str(value["name"]),
            kind=str(value["kind"]),
            label=str(value["label"]),
            columns=cast("Mapping[str, str]", value["columns"]),
            shards=tuple(Shard(**shard) for shard in cast("list[dict[str, str | int]]", value["shards"])),  # type: ignore[arg-type]
            sources=tuple(Source(**source) for source in cast("list[dict[str, str]]", value["sources"])),
            row_id_rule=str(value["row_id_rule"]),
            parent=str(value["parent"]),
        )


def is_input(name: str) -> bool:
    """Whether a model may see the column; the label is the caller's to leave out."""
    return name not in NO_INPUTS and not name.startswith(ROW_ASIDE)


def save_dataset(version: DatasetVersion, store: Store) -> Subject:
    """Store the manifest (its shards must be stored already); the subject names the version."""
    return Subject(name=f"dataset/{version.name}", sha256=store.put_bytes(canonical_json(version.to_json())))


def load_dataset(subject: Subject, store: Store) -> DatasetVersion:
    """The manifest that `subject` names, verified."""
    return DatasetVersion.from_json(json.loads(store.read(subject.sha256)))


def iterate_batches(
    version: DatasetVersion, store: Store, folder: Path, columns: list[str] | None = None, rows_per_batch: int = 4096
) -> Iterator["pa.RecordBatch"]:
    """Stream the rows, a shard at a time through `folder`, each shard verified before it is parsed."""
    for shard in version.shards:
        path = store.fetch(shard.sha256, folder / f"{shard.sha256}.parquet")
        import pyarrow.parquet as pq  # while it is loaded, shards that others asked for arrive

        try:
            with pq.ParquetFile(path) as parquet:
                yield from parquet.iter_batches(batch_size=rows_per_batch, columns=columns)
        finally:
            path.unlink(missing_ok=True)


def read_table(version: DatasetVersion, store: Store, folder: Path, columns: list[str] | None = None) -> "pa.Table":
    """All rows at once, for datasets that fit in memory."""
    import pyarrow as pa

    return pa.Table.from_batches(list(iterate_batches(version, store, folder, columns)))
