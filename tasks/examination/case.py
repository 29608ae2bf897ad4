"""What every examination of a finished model looks at, and what each gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assay.bundle import ModelBundle
from assay.inference import OnnxModel
from assay.json_types import Json
from assay.records import Check
from assay.sdk import Rows, TrainableModel
from assay.spec import PipelineSpec
from assay.store import Store
from tasks.examination.clean import Interval

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ModelCase:
    """file, served: the verified ONNX file, and the same opened. rows, predicted: of `holdout` and `recent`.

    columns: the holdout's columns of single values, in its rows' order. candidate: reads the framework's form of the
    model, a fresh one a call. training: reads the rows it was trained on, validation rows included. champion: opens the
    model that serves now, None where none does. confidence: probability of what was answered, as `predicted`.
    """

    spec: PipelineSpec
    bundle: ModelBundle
    file: Path
    served: OnnxModel
    rows: Mapping[str, Rows]
    predicted: Mapping[str, "NDArray[np.int64]"]
    columns: "pa.Table"
    candidate: Callable[[], TrainableModel]
    training: Callable[[], Rows]
    store: Store
    workdir: Path
    say: Callable[[str], None]
    confidence: Mapping[str, "NDArray[np.float32]"] = field(default_factory=dict)
    champion: Callable[[], OnnxModel | None] = lambda: None

    @property
    def classes(self) -> int:
        return int(str(self.bundle.facts["classes"]))

    @property
    def seed(self) -> int:
        return self.spec.train.seed


@dataclass(frozen=True)
class Examined:
    """facts: what the statement says under the examination's name. metrics, ci95: what a rule of the gate may bound."""

    facts: Json
    checks: tuple[Check, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)
    ci95: Mapping[str, Interval] = field(default_factory=dict)


Examination = Callable[[ModelCase], Examined]
