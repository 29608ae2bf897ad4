"""Cases of hand-made model files, and rows for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from assay.bundle import ModelBundle
from assay.inference import OnnxModel
from assay.sdk import Rows
from assay.spec import AssaySpec, CollectorSpec, DataSpec, PathSource, PipelineSpec, TrainSpec
from assay.store import FileStore
from tasks.examination.case import ModelCase

Case = Callable[[Path, np.ndarray, int], ModelCase]
Node = tuple[str, list[str], list[str], dict[str, Any]]
Writer = Callable[..., Path]


@pytest.fixture
def case_of(tmp_path: Path) -> Case:
    """The case of a file, with the rows as its holdout."""

    def make(file: Path, inputs: np.ndarray, classes: int) -> ModelCase:
        labels = np.arange(len(inputs)) % classes
        rows = Rows(inputs, labels, tuple(f"row-{at}" for at in range(len(inputs))))
        sources = CollectorSpec(sources=[PathSource(source="path", path="data")])
        return ModelCase(
            spec=PipelineSpec(
                name="made", owner="us", data=DataSpec(collector=sources), train=TrainSpec(model="a:B"),
                assay=AssaySpec(),
            ),
            bundle=ModelBundle("made", "onnx", (), facts={"classes": classes}),
            file=file,
            served=OnnxModel(file.read_bytes(), "made"),
            rows={"holdout": rows},
            predicted={"holdout": labels},
            columns=pa.table({}),
            candidate=lambda: pytest.fail("no candidate is needed"),
            training=lambda: pytest.fail("no training rows are needed"),
            store=FileStore(tmp_path / "store"),
            workdir=tmp_path,
            say=lambda _: None,
        )  # fmt: skip

    return make


@pytest.fixture
def write_model(tmp_path: Path) -> Writer:
    """A softmax over two columns of `logits`, which `nodes` make from `input`, float32 (rows, 6)."""

    def write(nodes: list[Node], constants: dict[str, np.ndarray], free_width: bool = False) -> Path:
        ends: list[Node] = [
            ("ArgMax", ["logits"], ["label"], {"axis": 1, "keepdims": 0}),
            ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
        ]
        graph = helper.make_graph(
            [helper.make_node(kind, inputs, outputs, **extra) for kind, inputs, outputs, extra in [*nodes, *ends]],
            "made",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", "width" if free_width else 6])],
            [
                helper.make_tensor_value_info("label", TensorProto.INT64, None),
                helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None),
            ],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        path = tmp_path / "made.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
        return path

    return write
