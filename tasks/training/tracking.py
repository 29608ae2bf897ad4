"""Every trial as an MLflow run, written from the driver with two calls a trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.errors import EngineUnavailable
from assay.json_types import Json
from tasks.training.study import TrialOutcome

if TYPE_CHECKING:
    from mlflow import MlflowClient

_STUDY, _TRIAL = "assay.study", "assay.trial"
_LONGEST_VALUE = 500


@dataclass(frozen=True)
class Tracked:
    """experiment_id: MLflow's. runs: trial index -> run id."""

    experiment_id: str
    runs: Mapping[int, str] = field(default_factory=dict)


def track_trials(
    url: str, experiment: str, study: str, outcomes: Sequence[TrialOutcome], tags: Mapping[str, str]
) -> Tracked:
    """Log parameters and every reported number; trials of this study that are logged already are left alone.

    Raises EngineUnavailable when the tracking server refuses or does not answer.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient(tracking_uri=url)
        experiment_id = _experiment_id(client, experiment)
        runs = _logged(client, experiment_id, study)
        for outcome in outcomes:
            if outcome.trial.index not in runs:
                runs[outcome.trial.index] = _log(client, experiment_id, study, outcome, tags)
        return Tracked(experiment_id, runs)
    except MlflowException as error:
        raise EngineUnavailable(f"MLflow at {url}: {error}; is it up? `assay status` tells") from error


def _experiment_id(client: "MlflowClient", name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except MlflowException:
        # Another run of the same pipeline made it between the two calls.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def _logged(client: "MlflowClient", experiment_id: str, study: str) -> dict[int, str]:
    runs = client.search_runs([experiment_id], filter_string=f"tags.`{_STUDY}` = '{study}'", max_results=1000)
    return {int(run.data.tags[_TRIAL]): str(run.info.run_id) for run in runs if run.info.status != "RUNNING"}


def _log(client: "MlflowClient", experiment_id: str, study: str, outcome: TrialOutcome, tags: Mapping[str, str]) -> str:
    import time

    from mlflow.entities import Metric, Param, RunTag

    index = outcome.trial.index
    own = {**tags, _STUDY: study, _TRIAL: str(index), "assay.ended": outcome.ended}
    run = client.create_run(experiment_id, run_name=f"trial-{index}", tags=own)
    now = int(time.time() * 1000)
    params: dict[str, Json] = {**outcome.trial.parameters, "seed": outcome.trial.seed}
    client.log_batch(
        run.info.run_id,
        metrics=[
            Metric(name, value, now, step)
            for step, numbers in enumerate(outcome.history, start=1)
            for name, value in numbers.items()
        ][:1000],
        params=[Param(name, str(value)[:_LONGEST_VALUE]) for name, value in params.items()][:100],
        tags=[RunTag("assay.error", outcome.error[:_LONGEST_VALUE])] if outcome.error else [],
    )
    client.set_terminated(run.info.run_id, status="FAILED" if outcome.ended == "failed" else "FINISHED")
    return str(run.info.run_id)
