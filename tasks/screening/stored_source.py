"""The shards of a dataset version as a source of rows for the screen."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.dataset import ROW_SOURCE, DatasetVersion, iterate_batches
from assay.settings import Settings
from assay.store import Store, open_store
from tasks.screening.row_parts import RowPart, describe_rows

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class StoredRows:
    """A `RowSource`, one piece a shard, each verified by its digest where it is read. store: opens it there."""

    version: DatasetVersion
    store: Callable[[], Store]

    @property
    def pieces(self) -> int:
        return len(self.version.shards)

    def batches(self, piece: int) -> Iterator["pa.RecordBatch"]:
        """Through a folder of their own, gone afterwards."""
        shard = replace(self.version, shards=(self.version.shards[piece],))
        with tempfile.TemporaryDirectory(prefix="assay-") as folder:
            yield from iterate_batches(shard, self.store(), Path(folder))

    def uniform(self, batch: "pa.RecordBatch", first_row: int) -> "pa.RecordBatch":
        """They are, since they were collected."""
        return batch

    def part(self, batch: "pa.RecordBatch", first_row: int) -> RowPart:
        """The batch, described."""
        source = ROW_SOURCE if ROW_SOURCE in self.version.columns else ""
        return describe_rows(batch, self.version.kind, self.version.label, source)


@dataclass(frozen=True)
class StoreReach:
    """Opens the store in another process, with what that needs of the settings and nothing more."""

    settings: Settings

    @classmethod
    def of(cls, settings: Settings) -> "StoreReach":
        needed = settings.model_dump(include={name for name in type(settings).model_fields if name.startswith("s3_")})
        return cls(Settings.model_construct(store_url=settings.store_url, **needed))

    def __call__(self) -> Store:
        return open_store(self.settings)
