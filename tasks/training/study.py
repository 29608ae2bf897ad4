"""A study of trials on Ray Tune that survives a kill: the same study started again goes on where it was."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.spec import TrainSpec
from tasks.training.budget import Spending
from tasks.training.rows import TrainingRows
from tasks.training.trials import Plan, Trial
from tasks.training.worker import FAILED, FINAL, STOPPED, TrialTask, run_trial

if TYPE_CHECKING:
    from ray.tune import Tuner

_KEEP_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Study:
    """folder: `ROOT/NAME`, on storage that every worker reaches; NAME is the same for the same work."""

    folder: Path
    plan: Plan
    spec: TrainSpec
    models: Mapping[str, str]


@dataclass(frozen=True)
class TrialOutcome:
    """metrics: the last numbers reported. history: one mapping a report. checkpoint: the model's folder, or None.

    ended: "final" (trained to its end), "stopped" (by budget or scheduler), or "failed" with `error` in words.
    """

    trial: Trial
    ended: str
    metrics: Mapping[str, float]
    history: tuple[Mapping[str, float], ...] = ()
    checkpoint: Path | None = None
    error: str = ""


@dataclass(frozen=True)
class StudyResult:
    """stopped_by: "" when every trial ran to its end or was pruned; else "trials", "seconds" or "gpu_hours"."""

    outcomes: tuple[TrialOutcome, ...]
    stopped_by: str
    resumed: bool
    seconds: float
    gpu_hours: float = 0.0


def run_study(study: Study, rows: TrainingRows, say: Callable[[str], None]) -> StudyResult:
    """Run every trial within the budget; needs a connected Ray."""
    from tasks.training.ray_hooks import live_study

    remove_old_studies(study.folder.parent, keep=study.folder)
    study.folder.mkdir(parents=True, exist_ok=True)
    spending = Spending.open(study.spec.budget, study.folder / "spent.json", study.spec.resources.gpus)
    trainable = _trainable(study, rows, spending)
    with live_study(study.folder.name, spending, study.spec.metric, len(study.plan.trials), say):
        tuner, resumed = _tuner(study, trainable)
        grid = tuner.fit()
    outcomes = sorted((_outcome(grid[index]) for index in range(len(grid))), key=lambda outcome: outcome.trial.index)
    return StudyResult(
        tuple(outcomes), _stopped_by(study, outcomes, spending), resumed, spending.seconds, spending.gpu_hours
    )


def remove_old_studies(root: Path, keep: Path) -> None:
    """Drop studies that nobody touched for a day; what they made is in the store."""
    for folder in root.glob("*/") if root.is_dir() else ():
        if folder != keep and time.time() - folder.stat().st_mtime > _KEEP_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _trainable(study: Study, rows: TrainingRows, spending: Spending) -> Any:
    from ray import tune

    spec = study.spec
    task = TrialTask(
        models=study.models,
        executor=spec.executor if ":" in spec.executor else "",
        robust=spec.robust.model_dump(mode="json"),
        metric=spec.metric,
        mode=spec.mode,
        device="cuda" if spec.resources.gpus else "cpu",
        deadline=spending.deadline,
    )
    resources = {"cpu": spec.resources.cpus, "gpu": spec.resources.gpus}
    return tune.with_resources(tune.with_parameters(run_trial, task=task, rows=rows), resources)


def _tuner(study: Study, trainable: Any) -> tuple["Tuner", bool]:
    from ray import tune

    from tasks.training.ray_hooks import StudyHooks, StudyStopper

    space = {"trial": tune.grid_search([dict(trial.to_json()) for trial in study.plan.trials])}
    path = str(study.folder)
    if tune.Tuner.can_restore(path):
        tuner = tune.Tuner.restore(
            path, trainable=trainable, param_space=space, resume_unfinished=True, resume_errored=True
        )
        return tuner, True
    hooks = StudyHooks(study.folder.name)
    config = tune.RunConfig(
        name=study.folder.name,
        storage_path=str(study.folder.parent),
        verbose=0,
        callbacks=[hooks],
        stop=StudyStopper(study.folder.name),
        failure_config=tune.FailureConfig(max_failures=2),
        checkpoint_config=tune.CheckpointConfig(num_to_keep=10),
    )
    tuning = tune.TuneConfig(scheduler=_scheduler(study), trial_dirname_creator=_folder_name)
    return tune.Tuner(trainable, param_space=space, tune_config=tuning, run_config=config), False


def _folder_name(trial: Any) -> str:
    return f"trial-{trial.config['trial']['index']:04d}"


def _scheduler(study: Study) -> Any:
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler

    if study.spec.executor != "asha":
        return FIFOScheduler()  # type: ignore[no-untyped-call]
    epochs = [trial.parameters.get("epochs") for trial in study.plan.trials]
    longest = max((value for value in epochs if isinstance(value, int)), default=100)
    # A trial reports once more at its end, after its last epoch.
    return ASHAScheduler(
        metric=study.spec.metric, mode=study.spec.mode, max_t=longest + 1, grace_period=1, reduction_factor=3
    )


def _outcome(result: Any) -> TrialOutcome:
    trial = Trial(**result.config["trial"]) if result.config else Trial(-1, 0, {})
    metrics = dict(result.metrics or {})
    error = str(metrics.get(FAILED) or result.error or "")
    ended = "failed" if error else "final" if metrics.get(FINAL) and not metrics.get(STOPPED) else "stopped"
    return TrialOutcome(
        trial=trial,
        ended=ended,
        metrics=_numbers(metrics),
        history=_history(result),
        checkpoint=Path(result.checkpoint.path) if result.checkpoint is not None else None,
        error=error,
    )


def _history(result: Any) -> tuple[Mapping[str, float], ...]:
    frame = result.metrics_dataframe
    return () if frame is None else tuple(_numbers(row) for row in frame.to_dict("records"))


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The model's own numbers; Ray's bookkeeping is left out."""
    from math import isfinite

    return {
        str(key): float(value)
        for key, value in metrics.items()
        if isinstance(value, int | float) and isfinite(value) and key not in _BOOKKEEPING and "/" not in str(key)
    }


_BOOKKEEPING = {
    FINAL, STOPPED, "timestamp", "done", "training_iteration", "pid", "time_this_iter_s", "time_since_restore",
    "time_total_s", "iterations_since_restore", "should_checkpoint",
}  # fmt: skip


def _stopped_by(study: Study, outcomes: list[TrialOutcome], spending: Spending) -> str:
    unfinished = len(outcomes) < len(study.plan.trials) or any(o.ended == "stopped" for o in outcomes)
    if unfinished and spending.spent():
        return spending.spent()
    return "trials" if study.plan.is_cut else ""
