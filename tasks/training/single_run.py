"""The built-in executor of one trial: train one model, once."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from assay.json_types import Json
from assay.sdk import Executor, Rows, StopTraining, TrainableModel, TrainingContext


class SingleRun(Executor):
    """Trains the model in role `model`; a training that is stopped keeps what it has learnt."""

    roles: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "model": ("train_function", "predict_function", "save_function", "load_function", "export_function")
    }

    def execute(
        self,
        models: Mapping[str, Callable[[], TrainableModel]],
        train: Rows,
        context: TrainingContext,
        parameters: Mapping[str, Json],
    ) -> TrainableModel:
        """One call of `train_function` with `parameters` as keywords."""
        model = models["model"]()
        try:
            model.train_function(train, context, **parameters)
        except StopTraining:
            return model
        return model
