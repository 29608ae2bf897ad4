"""Datasets of three features, split as the loop would, and the stations that make a model of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assay.dataset import DatasetVersion, Shard, save_dataset
from assay.digests import sha256_file
from assay.records import RunContext, Subject
from assay.spec import PipelineSpec
from assay.station import StepRequest
from assay.store import Store
from assay.workbench import Workbench

THRESHOLD = "tests.tasks.training.trial_models:Threshold"


def make_spec(model: str = THRESHOLD, **more: Any) -> PipelineSpec:
    """Without the stress of the file, which takes seconds, unless `assay` asks for it."""
    train = {"model": model, **more.pop("train", {})}
    data = {"collector": {"sources": [{"source": "path", "path": "rows"}], **more.pop("collector", {})}}
    assay = {"stress": False, **more.pop("assay", {})}
    return PipelineSpec.model_validate({"name": "story", "data": data, "train": train, "assay": assay, **more})


def store_dataset(store: Store, folder: Path, name: str, columns: Mapping[str, Any], kind: str = "tabular") -> Subject:
    """One shard of `columns` with row ids NAME-0, NAME-1, …"""
    count = len(columns["label"])
    table = pa.table({"row_id": [f"{name}-{index}" for index in range(count)], **columns})
    path = folder / f"{name}.parquet"
    pq.write_table(table, path)
    shard = Shard("rows", store.put_file(path), path.stat().st_size, count)
    assert shard.sha256 == sha256_file(path)
    types = {field.name: str(field.type) for field in table.schema}
    return save_dataset(DatasetVersion(name, kind, "label", types, (shard,), (), "position"), store)


def uniform_rows(count: int, seed: int) -> dict[str, Any]:
    """Three features in [0, 1); the label is whether the first exceeds a half."""
    features = np.random.default_rng(seed).random((count, 3)).astype(np.float32)
    return {**{name: features[:, at] for at, name in enumerate("abc")}, "label": (features[:, 0] > 0.5).astype(int)}


def image_rows(count: int, seed: int) -> dict[str, Any]:
    """8×8 images in [0, 16] whose bright pixels tell one of ten classes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, count)
    bright = 8 * (np.arange(64) % 10 == labels[:, None])
    pixels = (generator.normal(2, 1, (count, 64)) + bright).clip(0, 16).astype(np.float32)
    return {"image": pa.FixedSizeListArray.from_arrays(pa.array(pixels.ravel()), 64), "label": labels}


def request_for(bench: Workbench, spec: PipelineSpec, inputs: Mapping[str, Subject], **parameters: Any) -> StepRequest:
    return StepRequest(spec, RunContext(run_id="story-run"), dict(inputs), parameters)


def split(bench: Workbench, rows: Any = uniform_rows, kind: str = "tabular") -> dict[str, Subject]:
    """Roles train (300 rows), holdout (120) and recent (60)."""
    sizes = {"train": 300, "holdout": 120, "recent": 60}
    return {
        role: store_dataset(bench.store, bench.workdir, f"story.{role}", rows(size, seed), kind)
        for seed, (role, size) in enumerate(sizes.items())
    }
