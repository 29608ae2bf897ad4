"""Models that Ray's workers import: quick ones, slow ones, and ones that fail."""

import json
import os
import time
from pathlib import Path

import numpy as np

from assay import log_metric
from assay.sdk import Rows, TrainableModel, TrainingContext


class Threshold(TrainableModel):
    """Says class 1 above `cut`; its accuracy on uniform rows labelled at 0.5 is known. Sleeps `pause` an epoch."""

    def __init__(self) -> None:
        self.cut = 0.0

    def train_function(
        self, train: Rows, context: TrainingContext, *, cut: float = 0.5, epochs: int = 2, pause: float = 0.0
    ) -> None:
        state = {"epoch": 0, "pids": []}
        if context.resume_from is not None:
            state = json.loads((context.resume_from / "state.json").read_text())
        state["pids"].append(os.getpid())
        for epoch in range(state["epoch"], epochs):
            time.sleep(pause)
            self.cut = cut
            folder = context.workdir / f"epoch-{epoch}"
            self.save_function(folder)
            (folder / "state.json").write_text(json.dumps({**state, "epoch": epoch + 1}))
            log_metric("progress", (epoch + 1) / epochs)
            context.report({"epoch": epoch + 1, "attempts": len(state["pids"]), "seed": context.seed}, folder)

    def predict_function(self, inputs: np.ndarray) -> np.ndarray:
        positive = (inputs[:, 0] > self.cut).astype(np.float32)
        return np.stack([1 - positive, positive], axis=1)

    def save_function(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cut.json").write_text(json.dumps(self.cut))

    def load_function(self, folder: Path) -> None:
        self.cut = json.loads((folder / "cut.json").read_text())

    def export_function(self, path: Path) -> None:
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        nodes = [
            helper.make_node("Slice", ["input", "zero", "one", "one"], ["first"]),
            helper.make_node("Greater", ["first", "cut"], ["above"]),
            helper.make_node("Cast", ["above"], ["positive"], to=TensorProto.FLOAT),
            helper.make_node("Sub", ["unit", "positive"], ["negative"]),
            helper.make_node("Concat", ["negative", "positive"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        ]
        constants = {
            "zero": np.array([0], np.int64), "one": np.array([1], np.int64),
            "cut": np.array(self.cut, np.float32), "unit": np.array(1, np.float32),
        }  # fmt: skip
        graph = helper.make_graph(
            nodes,
            "threshold",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", 3])],
            [
                helper.make_tensor_value_info("label", TensorProto.INT64, ["rows"]),
                helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", 2]),
            ],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


class Fragile(Threshold):
    """Fails when asked for a cut above 0.8."""

    def train_function(self, train: Rows, context: TrainingContext, *, cut: float = 0.5) -> None:
        if cut > 0.8:
            raise ValueError("a cut above 0.8 is nonsense")
        super().train_function(train, context, cut=cut)
