"""One trial, in a Ray worker: train, report every epoch with a checkpoint, resume from the last one."""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.json_types import Json, JsonObject
from assay.loaders import load_class
from assay.metric_sink import collect_metrics
from assay.sdk import Executor, StopTraining, TrainableModel, TrainingContext
from tasks.training.rows import TrainingRows
from tasks.training.single_run import SingleRun

FAILED, FINAL, STOPPED = "failed", "final", "stopped"


@dataclass(frozen=True)
class TrialTask:
    """What all trials of a study share. deadline: Unix time after which a trial ends at its next report.

    executor: class path, or "" for one plain run. models: role -> class path, the first role's first.
    """

    models: Mapping[str, str]
    executor: str
    robust: JsonObject
    metric: str
    mode: str
    device: str
    deadline: float


def run_trial(config: Mapping[str, Any], *, task: TrialTask, rows: TrainingRows) -> None:
    """Ray Tune's function: `config["trial"]` is a `Trial` as JSON. User code that fails is reported, not raised:

    a raised error would be tried again, and code that fails once fails always.
    """
    from ray import tune

    workdir = Path(tempfile.mkdtemp(prefix="assay-trial-"))
    made: dict[str, TrainableModel] = {}
    try:
        _train(config["trial"], task, rows, workdir, made)
    except Exception as error:  # noqa: BLE001 - user code may raise anything; the study goes on without this trial
        worst = float("-inf") if task.mode == "max" else float("inf")
        tune.report({FAILED: f"{type(error).__name__}: {error}", task.metric: worst})
    finally:
        shutil.rmtree(workdir, ignore_errors=True)


def _train(
    trial: Mapping[str, Any], task: TrialTask, rows: TrainingRows, workdir: Path, made: dict[str, TrainableModel]
) -> None:
    from ray import tune

    reporter = _Reporter(task, rows, made)
    context = TrainingContext(
        seed=int(trial["seed"]),
        workdir=workdir,
        report=reporter,
        validation=rows.validation,
        classes=rows.classes,
        resume_from=_restored(workdir),
        device=task.device,
        robust=task.robust,
    )
    with collect_metrics(reporter.log):
        model = _execute(task, rows, context, trial["parameters"], made)
    final = workdir / "final"
    final.mkdir()
    model.save_function(final)
    reporter.final(model, tune.Checkpoint.from_directory(str(final)))


class _Reporter:
    """`TrainingContext.report`: adds validation accuracy where the model gave none, and ends what is overdue."""

    def __init__(self, task: TrialTask, rows: TrainingRows, made: Mapping[str, TrainableModel]) -> None:
        self.task, self.rows, self.made = task, rows, made
        self.first = next(iter(task.models))
        self.last: dict[str, float] = {}
        self.logged: dict[str, float] = {}
        self.stopped = False

    def log(self, name: str, value: float) -> None:
        """`assay.log_metric` inside the trial: goes with the next report."""
        self.logged[name] = value

    def __call__(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        from ray import tune

        self.last = {**self._accuracy(self.made.get(self.first), metrics), **self.logged, **metrics}
        tune.report(self.last, checkpoint=tune.Checkpoint.from_directory(str(checkpoint)) if checkpoint else None)
        if checkpoint is not None:
            shutil.rmtree(checkpoint, ignore_errors=True)
        if time.time() > self.task.deadline:
            self.stopped = True
            raise StopTraining("the budget's seconds are spent")

    def final(self, model: TrainableModel, checkpoint: Any) -> None:
        """The trained model's own numbers. Raises SpecError when the study's metric is not among them."""
        from ray import tune

        from assay.errors import SpecError

        metrics = {**self.last, **self.logged, **self._accuracy(model, {})}
        if self.task.metric not in metrics:
            raise SpecError(f"train.metric {self.task.metric}: expected among the reported {sorted(metrics)}")
        tune.report({**metrics, FINAL: 1, STOPPED: int(self.stopped)}, checkpoint=checkpoint)

    def _accuracy(self, model: TrainableModel | None, reported: Mapping[str, float]) -> dict[str, float]:
        if model is None or "accuracy" in reported:
            return {}
        validation = self.rows.validation
        return {"accuracy": float((model.predict_function(validation.inputs).argmax(1) == validation.labels).mean())}


def _execute(
    task: TrialTask,
    rows: TrainingRows,
    context: TrainingContext,
    parameters: Mapping[str, Json],
    made: dict[str, TrainableModel],
) -> TrainableModel:
    executor: Executor = load_class(task.executor, Executor)() if task.executor else SingleRun()
    factories = {role: _factory(role, load_class(path, TrainableModel), made) for role, path in task.models.items()}
    try:
        return executor.execute(factories, rows.train, context, parameters)
    except StopTraining:
        # An executor that lets the stop pass still leaves the model it was training.
        return made[next(iter(task.models))]


def _factory(
    role: str, make: Callable[[], TrainableModel], made: dict[str, TrainableModel]
) -> Callable[[], TrainableModel]:
    def build() -> TrainableModel:
        made[role] = make()
        return made[role]

    return build


def _restored(workdir: Path) -> Path | None:
    """The trial's last checkpoint from before a kill, as a folder of its own."""
    from ray import tune

    checkpoint = tune.get_checkpoint()
    return None if checkpoint is None else Path(checkpoint.to_directory(str(workdir / "resumed")))
