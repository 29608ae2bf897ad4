"""A model's life up to its assay, told by real statements in a real ledger, on rows of two features."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.bundle import ONNX_FILE, save_bundle
from assay.dataset import DatasetVersion, Shard, save_dataset
from assay.digests import sha256_file
from assay.inference import open_model
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.sdk import DatasetLoader, Rows
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tests.triton_server import write_onnx

HOLDOUT_ROWS = 200


class TwoFeatures(DatasetLoader):
    def load_function(self, batches: Iterator[pa.RecordBatch], label: str) -> Rows:
        table = pa.Table.from_batches(list(batches))
        inputs = np.stack([table["a"].to_numpy(), table["b"].to_numpy()], axis=1).astype(np.float32)
        return Rows(inputs, table[label].to_numpy(), tuple(table["row_id"].to_pylist()))


def make_spec(name: str = "two", gate: list[dict[str, Any]] | None = None, **more: Any) -> PipelineSpec:
    return PipelineSpec.model_validate(
        {
            "name": name,
            "data": {
                "collector": {"sources": [{"source": "path", "path": "rows"}]},
                "loader": "tests.tasks.promotion_story:TwoFeatures",
            },
            "train": {"model": "models.two:Two"},
            "gate": gate if gate is not None else [{"metric": "accuracy", "min": 0.5}],
            **more,
        }
    )


class Story:
    """Appends statements; `skip`, `verdicts`, `hours_ago` and the assay's further `facts` bend it for a test."""

    def __init__(self, bench: Workbench, spec: PipelineSpec, shift: float = 0.0) -> None:
        self.bench, self.spec, self.shift = bench, spec, shift
        self.skip: set[Step] = set()
        self.verdicts: dict[Step, Verdict] = {}
        self.hours_ago: dict[Step, float] = {}
        self.facts: dict[str, Any] = {}
        self.context = RunContext(run_id=f"run-{shift}")
        name = spec.name
        datasets = ("", ".admitted", ".train", ".holdout", ".recent")
        raw, admitted, train, holdout, recent = (self._dataset(name + suffix) for suffix in datasets)
        folder = bench.workdir / f"story-{shift}"
        onnx = write_onnx(folder / ONNX_FILE, shift)
        candidate = save_bundle(name, "candidate", folder, bench.store, facts={"shift": shift})
        model = save_bundle(name, "onnx", folder, bench.store, facts={}, exported_from=candidate.sha256)
        self.onnx = open_model(onnx, sha256_file(onnx), name)
        self.subjects = {
            "raw": raw, "admitted": admitted, "train": train, "holdout": holdout, "recent": recent,
            "candidate": candidate, "model": model,
        }  # fmt: skip

    @property
    def request(self) -> StepRequest:
        return StepRequest(self.spec, self.context, dict(self.subjects))

    def tell(self) -> "Story":
        self._say(Step.COLLECT, made=("raw",))
        self._say(Step.VALIDATE, read=("raw",), judged=("raw",))
        self._say(Step.SCREEN, read=("raw",), made=("admitted",), judged=("raw",))
        self._say(Step.SPLIT, read=("admitted",), made=("train", "holdout", "recent"))
        self._say(Step.TRAIN, read=("train",), made=("candidate",))
        self._say(Step.EXPORT, read=("candidate", "holdout"), made=("model",))
        read = ("model", "candidate", "holdout", "recent")
        self._say(Step.ASSAY, read=read, judged=("model",), facts={**self._examined(), **self.facts})
        return self

    def run(self, station: Callable[[StepRequest, Workbench], StepReport], **parameters: Any) -> StepReport:
        return run_station(station, replace(self.request, parameters=parameters), self.bench)

    def _say(
        self,
        step: Step,
        *,
        read: tuple[str, ...] = (),
        made: tuple[str, ...] = (),
        judged: tuple[str, ...] = (),
        facts: dict[str, Any] | None = None,
    ) -> None:
        if step in self.skip:
            return
        verdict = self.verdicts.get(step, Verdict.PASSED)
        report = StepReport(
            step=step,
            pipeline=self.spec.name,
            verdict=verdict,
            products={role: self.subjects[role] for role in made},
            inputs={role: self.subjects[role] for role in read},
            judged=judged,
            checks=(Check("story", verdict, f"{step.value} was told to be {verdict.value}"),),
            facts=facts or {},
        )
        clock, ago = self.bench.clock, timedelta(hours=self.hours_ago.get(step, 0.0))
        run_station(lambda _request, _bench: report, self.request, replace(self.bench, clock=lambda: clock() - ago))

    def _examined(self) -> dict[str, Any]:
        inputs, labels, row_ids = _rows()
        predicted = self.onnx.predict(inputs).label
        right = predicted == labels
        columns = {"row_id": row_ids, "label": labels, "predicted": predicted}
        table = pa.concat_tables(
            pa.table({**columns, "segment": [segment] * len(row_ids)}) for segment in ("holdout", "recent")
        )
        path = self.bench.workdir / f"predictions-{self.shift}.parquet"
        pq.write_table(table, path)
        accuracy = float(right.mean())
        return {
            "metrics": {"accuracy": accuracy},
            "ci95": {"accuracy": [accuracy - 0.05, accuracy + 0.05]},
            "predictions": self.bench.store.put_file(path),
            "asked": self.spec.assay.model_dump(mode="json"),
        }

    def _dataset(self, name: str) -> Subject:
        inputs, labels, row_ids = _rows()
        table = pa.table({"row_id": row_ids, "a": inputs[:, 0], "b": inputs[:, 1], "label": labels})
        path = self.bench.workdir / f"{name}.parquet"
        pq.write_table(table, path)
        columns = {field.name: str(field.type) for field in table.schema}
        shard = Shard("0.parquet", self.bench.store.put_file(path), path.stat().st_size, table.num_rows)
        version = DatasetVersion(name, "tabular", "label", columns, (shard,), (), "position", parent="")
        return save_dataset(version, self.bench.store)


def _rows() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Class 1 where the features sum to more than 0: the model without a shift is perfect."""
    inputs = np.random.default_rng(0).normal(size=(HOLDOUT_ROWS, 2)).astype(np.float32)
    return inputs, (inputs.sum(axis=1) > 0).astype(np.int64), [f"row-{index}" for index in range(HOLDOUT_ROWS)]
