"""Assay: nothing reaches production unassayed, and every decision can be proved afterwards.

`import assay` loads nothing heavy: each public name is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.inference import Predictions
    from assay.sdk import (
        Collected,
        Collector,
        DatasetLoader,
        Executor,
        GradientModel,
        Range,
        Rows,
        StopTraining,
        TrainableModel,
        TrainingContext,
    )
    from assay.serving import load_model, log_metric, serve_model, upload_model

__all__ = [
    "Collected",
    "Collector",
    "DatasetLoader",
    "Executor",
    "GradientModel",
    "Predictions",
    "Range",
    "Rows",
    "StopTraining",
    "TrainableModel",
    "TrainingContext",
    "load_model",
    "log_metric",
    "serve_model",
    "upload_model",
]

_HOMES = {"Predictions": "assay.inference"} | dict.fromkeys(
    ("load_model", "log_metric", "serve_model", "upload_model"), "assay.serving"
)


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "assay.sdk")), name)
