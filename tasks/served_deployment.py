"""A pipeline's real deployment as a replay meets it: Triton answers, labels go to the API, Airflow watches."""

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.airflow_api import AirflowApi
from assay.capture import read_window
from assay.errors import EngineUnavailable
from assay.records import Step, StepReport, Verdict
from assay.settings import Settings
from assay.triton.client import open_client
from tasks.replay_traffic import DatedRows, WatchOutcome, wait_until

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH = 32
_WATCH_SECONDS, _TRAIN_SECONDS, _FLUSH_SECONDS = 300.0, 3600.0, 30.0


@dataclass(frozen=True)
class ServedDeployment:
    """settings: of the running stack. name: the pipeline."""

    settings: Settings
    name: str

    def ask(self, rows: DatedRows, request_id: str) -> "tuple[NDArray[np.int64], int]":
        """Ask in small batches, as traffic comes; returns labels and the version that answered last."""
        import numpy as np

        client, labels, version = open_client(self.settings), [], 0
        for start in range(0, len(rows), _BATCH):
            inputs = _tensor(rows.inputs[start : start + _BATCH])
            answer = client.infer(self.name, inputs, request_id=f"{request_id}-{start}")
            labels.append(answer.predictions.label)
            version = answer.version
        last = f"{request_id}-{(len(rows) - 1) // _BATCH * _BATCH}"
        wait_until(lambda: self._is_captured(last), f"capture of request {last}", _FLUSH_SECONDS)
        return np.concatenate(labels), version

    def label(self, rows: DatedRows, request_id: str) -> None:
        """Post people's labels for every row of that request."""
        import requests

        labels = [
            {
                "request_id": f"{request_id}-{index // _BATCH * _BATCH}",
                "row": index % _BATCH,
                "label": int(label),
                "origin": "person",
            }
            for index, label in enumerate(rows.labels)
        ]
        response = requests.post(
            f"{self.settings.api_url}/api/v1/labels/{self.name}",
            json={"labels": labels},
            headers={"Authorization": f"Bearer {self.settings.api_token.get_secret_value()}"},
            timeout=60,
        )
        if not response.ok:
            raise EngineUnavailable(f"{response.url}: expected the labels to be kept, found {response.text[:300]}")

    def watch(self) -> WatchOutcome:
        """Run the watch DAG; if it asks for training, wait until the run that the drift event starts is over."""
        api, dag_id, run_id = AirflowApi.open(self.settings), f"{self.name}.watch", f"replay-{uuid.uuid4()}"
        training = f"{self.name}.train"
        before = {run.run_id for run in api.runs(training)}
        api.trigger(dag_id, run_id, {})
        wait_until(lambda: api.run_state(dag_id, run_id).is_over, f"{dag_id} {run_id}", _WATCH_SECONDS)
        found = api.result(dag_id, run_id, Step.WATCH.value)
        if not isinstance(found, dict):
            raise EngineUnavailable(
                f"{dag_id} {run_id}: expected a report, found none; see {api.run_page(dag_id, run_id)}"
            )
        report = StepReport.from_json(found)
        reason = str(report.facts.get("retrain_reason", ""))
        if not report.facts.get("retrain"):
            return WatchOutcome(report.verdict.value, reason=reason)
        promoted, ending = self._follow_training(api, training, before)
        return WatchOutcome(report.verdict.value, retrained=True, promoted=promoted, reason=ending)

    def _follow_training(self, api: AirflowApi, dag_id: str, before: set[str]) -> tuple[bool, str]:
        started: list[str] = []

        def seen() -> bool:
            started.extend(r.run_id for r in api.runs(dag_id) if r.run_id not in before and r.is_asset_triggered)
            return bool(started)

        wait_until(seen, f"a run of {dag_id} started by the drift event", _WATCH_SECONDS)
        wait_until(lambda: api.run_state(dag_id, started[0]).is_over, f"{dag_id} {started[0]}", _TRAIN_SECONDS)
        return _ending(api, dag_id, started[0])

    def _is_captured(self, request_id: str) -> bool:
        newest = read_window(self.settings, self.name, rows=2 * _BATCH)
        return request_id in set(newest["request_id"].to_pylist())


def _ending(api: AirflowApi, dag_id: str, run_id: str) -> tuple[bool, str]:
    """Whether the challenger serves, and what stopped it if not."""
    for task in api.tasks(dag_id, run_id):
        if task.state == "failed":
            return False, f"{task.task_id} failed: {api.last_error(dag_id, run_id, task)}"
        found = api.result(dag_id, run_id, task.task_id)
        if isinstance(found, dict) and "verdict" in found:
            report = StepReport.from_json(found)
            if report.step is Step.DEPLOY and report.verdict is Verdict.PASSED:
                return True, "the challenger serves"
            refused = [check.detail for check in report.checks if check.verdict is not Verdict.PASSED]
            if report.verdict is not Verdict.PASSED:
                return False, f"{report.step.value} refused: {'; '.join(refused)}"
    return False, f"no deployment; see {api.run_page(dag_id, run_id)}"


def _tensor(inputs: "NDArray[Any]") -> "NDArray[Any]":
    """Texts travel as one column."""
    return inputs.reshape(-1, 1) if inputs.dtype == object else inputs
