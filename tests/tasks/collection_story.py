"""Small pipelines whose rows lie in a folder, for the tests of collecting and splitting."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.dataset import load_dataset, read_table
from assay.records import RunContext, StepReport, Subject
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tasks.collect_dataset import collect_dataset
from tasks.split_dataset import split_dataset


class Story:
    """One pipeline over `folder`; every step runs as a station, so that its statement is in the ledger."""

    def __init__(self, bench: Workbench, folder: Path, name: str = "rows", **holdout: Any) -> None:
        self.bench, self.folder, self.name, self.holdout = bench, folder, name, holdout
        self.runs = 0
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, file: str, columns: dict[str, Any]) -> None:
        """A Parquet file of the source."""
        pq.write_table(pa.table(columns), self.folder / file)

    def spec(self, trusted: Sequence[dict[str, Any]] = (), **collector: Any) -> PipelineSpec:
        source = {"source": "path", "path": str(self.folder), "files": "*.parquet"}
        return PipelineSpec.model_validate(
            {
                "name": self.name,
                "data": {
                    "collector": {"sources": [source], **collector},
                    "holdout": self.holdout,
                    "trusted": list(trusted),
                },
                "train": {"model": "models.rows:Rows"},
            }
        )

    def collect(self, **collector: Any) -> StepReport:
        return run_station(collect_dataset, self._request(self.spec(**collector)), self._bench())

    def split(self, admitted: Subject | None = None, **collector: Any) -> StepReport:
        """Split what was collected, as if the screen had let every row through."""
        raw = admitted or self.collect(**collector).products["raw"]
        return run_station(split_dataset, self._request(self.spec(**collector), {"admitted": raw}), self._bench())

    def rows(self, subject: Subject) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = read_table(
            load_dataset(subject, self.bench.store), self.bench.store, self.bench.workdir
        ).to_pylist()
        return found

    def _request(self, spec: PipelineSpec, inputs: dict[str, Subject] | None = None) -> StepRequest:
        return StepRequest(spec, RunContext(run_id=f"run-{self.runs}", actor="tester"), inputs or {})

    def _bench(self) -> Workbench:
        """Each run has a scratch folder of its own."""
        self.runs += 1
        workdir = self.bench.workdir / f"{self.name}-{self.runs}"
        workdir.mkdir()
        return replace(self.bench, workdir=workdir)
