"""A small image pipeline whose raw version is screened and split as stations."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.dataset import DatasetVersion, Shard, load_dataset, read_table, save_dataset
from assay.records import RunContext, StepReport, Subject
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tasks.screen_dataset import screen_dataset
from tasks.split_dataset import split_dataset


class Screened:
    """Images (rows, height, width) and int64 labels; row ids are positions."""

    def __init__(self, bench: Workbench, images: np.ndarray, labels: np.ndarray, **columns: Any) -> None:
        self.bench, self.runs = bench, 0
        _, height, width = images.shape
        pixels = pa.FixedSizeListArray.from_arrays(pa.array(images.astype(np.float32).ravel()), width)
        ids = [str(place) for place in range(len(labels))]
        nested = pa.FixedSizeListArray.from_arrays(pixels, height)
        table = pa.table({"row_id": ids, "image": nested, "label": labels, **columns})
        path = bench.workdir / "raw.parquet"
        pq.write_table(table, path)
        shard = Shard(path.name, bench.store.put_file(path), path.stat().st_size, len(labels))
        types = {field.name: str(field.type) for field in table.schema}
        self.raw = save_dataset(DatasetVersion("set", "image", "label", types, (shard,), (), "position"), bench.store)

    def screen(self, inputs: dict[str, Subject] | None = None, **settings: Any) -> StepReport:
        """The screen under the spec's `data.screen` settings."""
        return run_station(screen_dataset, self._request({"raw": self.raw, **(inputs or {})}, settings), self._bench())

    def split(self, admitted: Subject) -> StepReport:
        return run_station(split_dataset, self._request({"admitted": admitted}, {}), self._bench())

    def rows(self, subject: Subject) -> list[dict[str, Any]]:
        version = load_dataset(subject, self.bench.store)
        found: list[dict[str, Any]] = read_table(version, self.bench.store, self.bench.workdir).to_pylist()
        return found

    def table(self, digest: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(pa.BufferReader(self.bench.store.read(digest))).to_pylist()
        return found

    def _request(self, inputs: dict[str, Subject], settings: dict[str, Any]) -> StepRequest:
        collector = {"sources": [{"source": "path", "path": "x"}], "kind": "image"}
        spec = PipelineSpec.model_validate(
            {
                "name": "set",
                "data": {"collector": collector, "screen": settings},
                "train": {"model": "models.set:Set"},
            }
        )
        return StepRequest(spec, RunContext(run_id=f"run-{self.runs}", actor="tester"), inputs)

    def _bench(self) -> Workbench:
        """Each run has a scratch folder of its own."""
        self.runs += 1
        folder = self.bench.workdir / f"run-{self.runs}"
        folder.mkdir()
        return replace(self.bench, workdir=folder)
