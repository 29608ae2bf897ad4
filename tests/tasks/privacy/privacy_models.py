"""Models that learn by heart or by rule, as one likes, and the case of a finished one; nothing here takes a second."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from assay.bundle import load_bundle, save_bundle
from assay.inference import OnnxModel
from assay.json_types import Json
from assay.loaders import load_class
from assay.sdk import Executor, Rows, TrainableModel, TrainingContext
from assay.spec import PipelineSpec
from assay.store import FileStore
from tasks.examination.case import ModelCase
from tasks.training.rows import split_validation

WIDTH = 400
LENIENT: dict[str, Any] = {"ridge": 1e5}


class RandomFeatures(TrainableModel):
    """Ridge regression on 400 random features: little `ridge` learns every row by heart, much of it only rules."""

    def __init__(self) -> None:
        self.weights: tuple[np.ndarray, ...] = ()

    def train_function(self, train: Rows, context: TrainingContext, *, ridge: float = 1.0) -> None:
        generator = np.random.default_rng(context.seed)
        first = generator.normal(size=(train.inputs.shape[1], WIDTH)).astype(np.float32)
        shift = generator.normal(size=WIDTH).astype(np.float32)
        hidden = np.maximum(train.inputs @ first + shift, 0).astype(np.float64)
        wanted = np.eye(context.classes)[train.labels] * 2 - 1
        second = np.linalg.solve(hidden.T @ hidden + ridge * np.eye(WIDTH), hidden.T @ wanted)
        context.report({"loss": 0.0}, None)
        self.weights = first, shift, (3 * second).astype(np.float32)

    def predict_function(self, inputs: np.ndarray) -> np.ndarray:
        first, shift, second = self.weights
        logits = np.maximum(inputs @ first + shift, 0) @ second
        shares = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(shares / shares.sum(1, keepdims=True), dtype=np.float32)

    def save_function(self, folder: Path) -> None:
        (folder / "weights.json").write_text("{}")

    def load_function(self, folder: Path) -> None: ...

    def export_function(self, path: Path) -> None:
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        names = ("first", "shift", "second")
        steps = [
            ("MatMul", ["input", "first"], "product"), ("Add", ["product", "shift"], "shifted"),
            ("Relu", ["shifted"], "hidden"), ("MatMul", ["hidden", "second"], "logits"),
            ("Softmax", ["logits"], "probabilities"), ("ArgMax", ["logits"], "label"),
        ]  # fmt: skip
        nodes = [
            helper.make_node(kind, into, [out], **({"axis": 1, "keepdims": 0} if kind == "ArgMax" else {}))
            for kind, into, out in steps
        ]
        first, _, second = self.weights
        graph = helper.make_graph(
            nodes,
            "random_features",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", first.shape[0]])],
            [
                helper.make_tensor_value_info("label", TensorProto.INT64, ["rows"]),
                helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", second.shape[1]]),
            ],
            [numpy_helper.from_array(value, name) for name, value in zip(names, self.weights, strict=True)],
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


class Breaking(RandomFeatures):
    """Trains once, in this process, and never again: the candidate is made, no reference model is."""

    made = 0

    def train_function(self, train: Rows, context: TrainingContext, *, ridge: float = 1.0) -> None:
        Breaking.made += 1
        if Breaking.made > 1:
            raise RuntimeError("the licence server is gone")
        super().train_function(train, context, ridge=ridge)


class Slow(RandomFeatures):
    """Half a second a training; reports before its end, where it can be stopped."""

    def train_function(self, train: Rows, context: TrainingContext, *, ridge: float = 1.0) -> None:
        time.sleep(0.5)
        super().train_function(train, context, ridge=ridge)


class WithTeacher(Executor):
    """Trains a teacher first; the model learns what the teacher says of its rows."""

    roles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "student": ("train_function", "predict_function"),
        "teacher": ("train_function", "predict_function"),
    }

    def execute(
        self,
        models: Mapping[str, Callable[[], TrainableModel]],
        train: Rows,
        context: TrainingContext,
        parameters: Mapping[str, Json],
    ) -> TrainableModel:
        teacher, student = models["teacher"](), models["student"]()
        teacher.train_function(train, context, **LENIENT)
        taught = replace(train, labels=teacher.predict_function(train.inputs).argmax(1))
        student.train_function(taught, context, **parameters)
        return student


class Recorder(RandomFeatures):
    """Answers with what it was given: ids, seed, ridge and device."""

    seen: ClassVar[list[tuple[Any, ...]]] = []

    def train_function(self, train: Rows, context: TrainingContext, *, ridge: float = 1.0) -> None:
        Recorder.seen.append((set(train.row_ids), context.seed, ridge, context.device, dict(context.robust)))
        super().train_function(train, context, ridge=ridge)


class Short(RandomFeatures):
    """Gives too few columns."""

    def predict_function(self, inputs: np.ndarray) -> np.ndarray:
        return super().predict_function(inputs)[:, :1]


def noisy_rows(count: int, seed: int, wrong: float = 0.2, columns: int = 6) -> Rows:
    """The sign of the first column tells the label, except in a share of rows, where it is dealt."""
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(count, columns)).astype(np.float32)
    dealt = generator.random(count) < wrong
    labels = np.where(dealt, generator.integers(0, 2, count), inputs[:, 0] > 0).astype(np.int64)
    return Rows(inputs, labels, tuple(f"{seed}-{at}" for at in range(count)))


def finished(
    folder: Path,
    privacy: dict[str, Any],
    train: Rows,
    holdout: Rows,
    *,
    model: str = "RandomFeatures",
    parameters: dict[str, Any] | None = None,
    columns: pa.Table | None = None,
    facts: dict[str, Any] | None = None,
    learned: Callable[[Rows, int], Rows] = lambda rows, classes: rows,
    say: Callable[[str], None] = lambda _: None,
) -> ModelCase:
    """Trains, saves and exports as the loop does. learned: what training made of its rows."""
    path = model if ":" in model else f"tests.tasks.privacy.privacy_models:{model}"
    train_part = {"model": path, "parameters": parameters or {}}
    data = {"collector": {"sources": [{"source": "path", "path": "rows"}]}}
    spec = PipelineSpec.model_validate(
        {"name": "story", "data": data, "train": train_part, "assay": {"privacy": privacy}}
    )
    known = split_validation(train)
    made: TrainableModel = load_class(path, TrainableModel)()
    work, saved, exported = (folder / name for name in ("work", "saved", "exported"))
    for one in (work, saved, exported):
        one.mkdir()
    context = TrainingContext(0, work, lambda metrics, checkpoint: None, known.validation, known.classes)
    made.train_function(learned(known.train, known.classes), context, **(parameters or {}))
    made.save_function(saved)
    made.export_function(exported / "model.onnx")
    store = FileStore(folder / "store")
    told: dict[str, Any] = {"parameters": parameters or {}, "robust": {}, "classes": known.classes, **(facts or {})}
    candidate = save_bundle("story", "candidate", saved, store, facts=told)
    bundle = save_bundle(
        "story", "onnx", exported, store, facts={"classes": known.classes}, exported_from=candidate.sha256
    )
    served = OnnxModel((exported / "model.onnx").read_bytes(), "story")
    return ModelCase(
        spec=spec,
        bundle=load_bundle(bundle, store),
        file=exported / "model.onnx",
        served=served,
        rows={"holdout": holdout, "recent": holdout},
        predicted={"holdout": served.predict(holdout.inputs).label},
        columns=pa.table({}) if columns is None else columns,
        candidate=lambda: made,
        training=lambda: train,
        store=store,
        workdir=work,
        say=say,
    )
