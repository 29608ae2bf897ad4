"""Reference models: the user's own class and executor, trained as the candidate was, on other rows."""

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError
from assay.json_types import Json
from assay.sdk import Rows, StopTraining, TrainableModel, TrainingContext
from assay.spec import PipelineSpec
from tasks.privacy.audited import AuditedRows, join_rows
from tasks.training.rows import select_rows
from tasks.training.train_again import train_again, training_device

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Recipe:
    """How the candidate was trained; parameters and robust as its bundle's facts say."""

    spec: PipelineSpec
    parameters: Mapping[str, Json]
    robust: Mapping[str, Json]
    validation: Rows
    classes: int


@dataclass(frozen=True)
class ReferenceFit:
    """Trains one reference model a call. deadline: `time.perf_counter` after which a training ends unfinished."""

    recipe: Recipe
    audited: AuditedRows
    workdir: Path
    deadline: float

    def __call__(self, places: "NDArray[np.int64]", seed: int) -> "NDArray[Any]":
        """Probabilities (rows, classes) of all audited rows by a model that saw those at `places`.

        Raises StopTraining when the deadline passes first, SpecError when the user's code fails.
        """
        known = join_rows(self.audited.rest, select_rows(self.audited.rows, places))
        try:
            model = self._train(known, seed)
            answers = model.predict_function(self.audited.rows.inputs)
        except StopTraining:
            raise
        except Exception as error:  # user code may raise anything
            raise SpecError(
                f"{self.recipe.spec.train.model}: a reference model could not be trained, "
                f"{type(error).__name__}: {error}; the class must train on any half of its rows"
            ) from error
        expected = (len(self.audited.rows), self.recipe.classes)
        if answers.shape != expected:
            raise SpecError(
                f"{self.recipe.spec.train.model}: expected probabilities of shape {expected}, found {answers.shape}"
            )
        return answers

    def _train(self, known: Rows, seed: int) -> TrainableModel:
        recipe, cut = self.recipe, _Cut(self.deadline)
        with tempfile.TemporaryDirectory(prefix="reference-", dir=self.workdir) as folder:
            context = TrainingContext(
                seed=seed,
                workdir=Path(folder),
                report=cut,
                validation=recipe.validation,
                classes=recipe.classes,
                device=training_device(recipe.spec),
                robust=recipe.robust,
            )
            model = train_again(recipe.spec, known, context, recipe.parameters)
        if cut.was_cut:
            raise StopTraining("the budget's seconds are spent")
        return model


class _Cut:
    """`TrainingContext.report`: ends a training at its first report after the deadline; keeps no checkpoint."""

    def __init__(self, deadline: float) -> None:
        self.deadline, self.was_cut = deadline, False

    def __call__(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        if checkpoint is not None:
            shutil.rmtree(checkpoint, ignore_errors=True)
        if time.perf_counter() > self.deadline:
            self.was_cut = True
            raise StopTraining("the budget's seconds are spent")
