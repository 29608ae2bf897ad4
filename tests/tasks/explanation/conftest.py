"""Cases of fitted models, with the rows as their holdout."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assay.bundle import ModelBundle
from assay.inference import OnnxModel
from assay.sdk import Rows, TrainableModel
from assay.spec import AssaySpec, CollectorSpec, DataSpec, ExplanationSpec, PathSource, PipelineSpec, TrainSpec
from assay.store import FileStore
from tasks.examination.case import ModelCase

Case = Callable[..., ModelCase]


@pytest.fixture
def case_of(tmp_path: Path) -> Case:
    """The case of a model, exported; columns: of the holdout."""

    def make(
        model: TrainableModel, inputs: np.ndarray, columns: pa.Table | None = None, samples: int = 60
    ) -> ModelCase:
        file = tmp_path / "model.onnx"
        model.export_function(file)
        labels = model.predict_function(inputs).argmax(1)
        sources = CollectorSpec(sources=[PathSource(source="path", path="data")], aside=["sex"])
        return ModelCase(
            spec=PipelineSpec(
                name="made",
                data=DataSpec(collector=sources),
                train=TrainSpec(model="a:B"),
                assay=AssaySpec(explanations=ExplanationSpec(samples=samples)),
            ),
            bundle=ModelBundle("made", "onnx", (), facts={"classes": model.predict_function(inputs[:1]).shape[1]}),
            file=file,
            served=OnnxModel(file.read_bytes(), "made"),
            rows={"holdout": Rows(inputs, labels, tuple(f"row-{at}" for at in range(len(inputs))))},
            predicted={"holdout": labels},
            columns=pa.table({}) if columns is None else columns,
            candidate=lambda: model,
            training=lambda: pytest.fail("no training rows are needed"),
            store=FileStore(tmp_path / "store"),
            workdir=tmp_path,
            say=lambda _: None,
        )

    return make
