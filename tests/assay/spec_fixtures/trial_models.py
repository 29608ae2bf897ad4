"""Read by the spec tests, never imported: importing it is the failure they look for."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import assay
from assay import sdk
from assay.sdk import Executor, GradientModel, Range

raise RuntimeError("checking a spec must not run user code")

BYTE_STEP = 1 / 255


class Complete(GradientModel):
    def train_function(
        self,
        train: sdk.Rows,
        context: sdk.TrainingContext,
        *,
        epochs: Annotated[int, Range(1, 50)] = 5,
        rate: Annotated[float, Range(minimum=0, maximum=1)] = 0.1,
        optimizer: Literal["sgd", "adam"] = "sgd",
        step: float = 8 * BYTE_STEP,
        nesterov: bool = False,
        depth: int | None = None,
        tag: str | None = None,
        widths: list[int] = [8],  # noqa: B006 - what the outline must read
    ) -> None:
        """Fit.

        epochs: passes over the data
        optimizer: the update rule
        """

    def predict_function(self, inputs): ...
    def save_function(self, folder): ...
    def load_function(self, folder): ...
    def export_function(self, path): ...
    def module_function(self): ...
    def to_model_space(self, inputs): ...


class Inherited(Complete):
    """All methods come from its parent."""


class NoGradient(assay.TrainableModel):
    def train_function(self, train, context, *, trees: int = 10, seed_rows: int = 3): ...
    def predict_function(self, inputs): ...
    def save_function(self, folder): ...
    def load_function(self, folder): ...
    def export_function(self, path): ...


class Misspelt(sdk.TrainableModel):
    def train_function(self, train, context): ...
    def predict_functon(self, inputs): ...
    def save_function(self, folder): ...
    def load_function(self, folder): ...
    def export_function(self, path): ...


class Stranger:
    """No model at all."""


class Distill(Executor):
    roles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "student": ("train_function", "predict_function"),
        "teacher": ("predict_function",),
    }

    def execute(self, models, train, context, parameters): ...


class Mails(sdk.Collector):
    def __init__(self, until: str = "", limit: int = 0) -> None: ...
    def describe_function(self, workdir): ...
    def rows_function(self, workdir): ...
