"""Train the user's class once more, in this process: as the candidate was, on other rows."""

from collections.abc import Mapping
from typing import Any

from assay.json_types import Json
from assay.loaders import load_class
from assay.metric_sink import collect_metrics
from assay.roles import executor_roles
from assay.sdk import Executor, Rows, TrainableModel, TrainingContext
from assay.spec import PipelineSpec
from tasks.training.single_run import SingleRun


def train_again(
    spec: PipelineSpec, train: Rows, context: TrainingContext, parameters: Mapping[str, Json]
) -> TrainableModel:
    """By the spec's own executor where it names a class, else in a single run. Raises whatever user code raises."""
    executor: Executor = load_class(spec.train.executor, Executor)() if ":" in spec.train.executor else SingleRun()
    first, *others = executor_roles(spec)
    paths = {first: spec.train.model, **{role: spec.train.models[role] for role in others}}
    models: dict[str, Any] = {role: load_class(path, TrainableModel) for role, path in paths.items()}
    with collect_metrics(lambda name, value: None):
        return executor.execute(models, train, context, parameters)


def training_device(spec: PipelineSpec) -> str:
    """`cuda` where the spec asks for an accelerator and there is one."""
    if not spec.train.resources.gpus:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
