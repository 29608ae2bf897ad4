"""A small client of Airflow's REST API: log in, trigger, follow, read results, post asset events.

Reading outlasts a restart of the API server: refused connections and 5xx answers are tried again for
`patience_seconds`. Triggering does too, safely, because the caller names the run.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Self, cast
from urllib.parse import quote

from assay.errors import EngineUnavailable, SpecError
from assay.json_types import Json, JsonObject
from assay.settings import Settings

if TYPE_CHECKING:
    import requests

_REQUEST_SECONDS = 20.0
_PAUSE_SECONDS = 1.0


class NotFound(SpecError):
    """Airflow does not know what was asked for."""


@dataclass(frozen=True)
class TaskState:
    """One task of a run. state: "" before it is scheduled. seconds: of its last try."""

    task_id: str
    state: str
    seconds: float
    tries: int
    started_at: str


@dataclass(frozen=True)
class RunState:
    """state: queued, running, success or failed. seconds: from the request to the end, so far 0.0."""

    state: str
    seconds: float

    @property
    def is_over(self) -> bool:
        return self.state in ("success", "failed")


@dataclass(frozen=True)
class RunName:
    """One run of a DAG, and whether an asset event started it."""

    run_id: str
    is_asset_triggered: bool


@dataclass(frozen=True)
class Question:
    """What a parked task asks people. body: in Markdown."""

    dag_id: str
    run_id: str
    task_id: str
    body: str


@dataclass
class AirflowApi:
    """url: without a trailing slash. sleep and clock are arguments so that waiting can be tested."""

    url: str
    username: str
    password: str = field(repr=False)
    patience_seconds: float = 120.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _token: str = field(default="", init=False, repr=False)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The API that settings name. Raises SpecError when they name none."""
        if not settings.airflow_url:
            raise SpecError(
                "ASSAY_AIRFLOW_URL: expected Airflow's address, found nothing; start the stack with `assay up`"
            )
        return cls(
            settings.airflow_url.rstrip("/"), settings.airflow_username, settings.airflow_password.get_secret_value()
        )

    def has_dag(self, dag_id: str) -> bool:
        """Whether Airflow parsed this DAG."""
        try:
            self._call("GET", f"/dags/{_quoted(dag_id)}")
        except NotFound:
            return False
        return True

    def unpause(self, dag_id: str) -> None:
        """A paused DAG would leave its runs queued for ever."""
        self._call("PATCH", f"/dags/{_quoted(dag_id)}", {"is_paused": False})

    def import_errors(self) -> list[str]:
        """What Airflow could not parse, as its users see it."""
        found = cast("list[JsonObject]", self._call("GET", "/importErrors")["import_errors"])
        return [f"{error['filename']}: {error['stack_trace']}" for error in found]

    def has_pool(self, name: str) -> bool:
        """A task in an unknown pool would wait for ever."""
        try:
            self._call("GET", f"/pools/{_quoted(name)}")
        except NotFound:
            return False
        return True

    def make_pool(self, name: str, slots: int) -> None:
        """Create a pool; asking twice makes one."""
        self._call("POST", "/pools", {"name": name, "slots": slots}, accepted=(201, 409))

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Json]) -> None:
        """Start a run named by the caller; asking twice for the same run starts one."""
        body: JsonObject = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        self._call("POST", f"/dags/{_quoted(dag_id)}/dagRuns", body, accepted=(200, 409))

    def runs(self, dag_id: str, limit: int = 50) -> list[RunName]:
        """The newest runs of a DAG, newest first."""
        answer = self._call("GET", f"/dags/{_quoted(dag_id)}/dagRuns?order_by=-run_after&limit={limit}")
        return [
            RunName(str(run["dag_run_id"]), run["run_type"] == "asset_triggered")
            for run in cast("list[JsonObject]", answer["dag_runs"])
        ]

    def run_state(self, dag_id: str, run_id: str) -> RunState:
        """How the run stands now."""
        run = self._call("GET", _run_path(dag_id, run_id))
        asked_at = run.get("queued_at") or run.get("start_date")
        return RunState(str(run["state"]), _seconds_between(asked_at, run.get("end_date")))

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Every task of the run, in the order they started; those that did not start come last."""
        answer = self._call("GET", f"{_run_path(dag_id, run_id)}/taskInstances?limit=200")
        tasks = [
            TaskState(
                task_id=str(task["task_id"]),
                state=str(task["state"] or ""),
                seconds=float(cast(float, task["duration"] or 0.0)),
                tries=int(cast(int, task["try_number"] or 0)),
                started_at=str(task["start_date"] or "~"),
            )
            for task in cast("list[JsonObject]", answer["task_instances"])
        ]
        return sorted(tasks, key=lambda task: task.started_at)

    def result(self, dag_id: str, run_id: str, task_id: str) -> Json:
        """What the task returned, None when it returned nothing."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{_quoted(task_id)}/xcomEntries/return_value"
        try:
            value = self._call("GET", path)["value"]
        except NotFound:
            return None
        return cast(Json, json.loads(value)) if isinstance(value, str) and value[:1] in "{[" else value

    def last_error(self, dag_id: str, run_id: str, task: TaskState) -> str:
        """The last error in the task's log, "" when its log names none."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{_quoted(task.task_id)}/logs/{max(task.tries, 1)}"
        try:
            lines = self._call("GET", path).get("content")
        except NotFound:
            return ""
        return _last_error(cast("list[Json]", lines) if isinstance(lines, list) else [])

    def task_page(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Where a person reads the task's log."""
        return f"{self.run_page(dag_id, run_id)}/tasks/{_quoted(task_id)}"

    def run_page(self, dag_id: str, run_id: str) -> str:
        """Where a person sees the run."""
        return f"{self.url}/dags/{_quoted(dag_id)}/runs/{_quoted(run_id)}"

    def post_asset_event(self, asset_name: str, extra: JsonObject) -> None:
        """Tell Airflow that an asset changed. Raises NotFound when no DAG mentions the asset."""
        listed = self._call("GET", f"/assets?name_pattern={_quoted(asset_name)}&limit=200")
        for asset in cast("list[JsonObject]", listed["assets"]):
            if asset["name"] == asset_name:
                self._call("POST", "/assets/events", {"asset_id": asset["id"], "extra": extra})
                return
        raise NotFound(f"{asset_name}: expected an asset of that name in Airflow, found none; is its DAG parsed?")

    def questions(self, dag_id: str) -> list[Question]:
        """What people are asked in runs of the DAG and nobody has answered, oldest first."""
        path = f"/dags/{_quoted(dag_id)}/dagRuns/~/hitlDetails?response_received=false&order_by=created_at&limit=100"
        waiting = cast("list[JsonObject]", self._call("GET", path)["hitl_details"])
        asked = ((one, cast(JsonObject, one["task_instance"])) for one in waiting)
        return [
            Question(str(ti["dag_id"]), str(ti["dag_run_id"]), str(ti["task_id"]), str(one.get("body") or ""))
            for one, ti in asked
            if ti["state"] == "awaiting_input"
        ]

    def answer(self, question: Question, chosen: str, reason: str) -> None:
        """Answer as the user of this API. Raises SpecError when Airflow refuses them or somebody was quicker."""
        path = f"{_run_path(question.dag_id, question.run_id)}/taskInstances/{_quoted(question.task_id)}/-1/hitlDetails"
        self._call("PATCH", path, {"chosen_options": [chosen], "params_input": {"reason": reason}})

    def _call(
        self, method: str, path: str, body: JsonObject | None = None, accepted: tuple[int, ...] = (200,)
    ) -> JsonObject:
        """One call with patience. Raises NotFound, SpecError for a refused body, else EngineUnavailable."""
        import requests

        deadline = self.clock() + self.patience_seconds
        while True:
            try:
                response = self._authorised(method, path, body)
                if response.status_code < 500:
                    return _answer(response, accepted)
                problem = f"{response.status_code} {response.text[:200]}"
            except (requests.ConnectionError, requests.Timeout) as error:
                problem = str(error)
            if self.clock() >= deadline:
                raise EngineUnavailable(
                    f"{self.url}: expected an answer within {self.patience_seconds:.0f} s, found {problem}; "
                    "is Airflow up? `assay status` tells"
                )
            self.sleep(_PAUSE_SECONDS)

    def _authorised(self, method: str, path: str, body: JsonObject | None) -> "requests.Response":
        """Send with a token; a token that no longer counts is renewed once."""
        import requests

        for attempt in range(2):
            if not self._token:
                self._log_in()
            response = requests.request(
                method,
                f"{self.url}/api/v2{path}",
                json=body,
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=_REQUEST_SECONDS,
            )
            # Airflow answers 401 to an expired token, 403 to one signed before its secret changed.
            if response.status_code not in (401, 403) or attempt:
                break
            self._token = ""
        return response

    def _log_in(self) -> None:
        import requests

        credentials = {"username": self.username, "password": self.password}
        response = requests.post(f"{self.url}/auth/token", json=credentials, timeout=_REQUEST_SECONDS)
        if response.status_code in (401, 403):
            raise SpecError(
                f"{self.url}: Airflow refused user {self.username!r}; "
                "mend ASSAY_AIRFLOW_USERNAME and ASSAY_AIRFLOW_PASSWORD"
            )
        if response.status_code != 201:
            raise requests.ConnectionError(f"login answered {response.status_code}")
        self._token = str(response.json()["access_token"])


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{_quoted(dag_id)}/dagRuns/{_quoted(run_id)}"


def _seconds_between(start: Json, end: Json) -> float:
    if not (isinstance(start, str) and isinstance(end, str)):
        return 0.0
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _answer(response: "requests.Response", accepted: tuple[int, ...]) -> JsonObject:
    if response.status_code in accepted or response.ok:
        return cast(JsonObject, response.json()) if response.content else {}
    what = f"{response.request.method} {response.request.path_url}"
    if response.status_code == 404:
        raise NotFound(f"{what}: Airflow knows no such thing; check the name")
    raise SpecError(f"{what}: Airflow refused with {response.status_code}: {response.text[:500]}; mend the request")


def _last_error(lines: list[Json]) -> str:
    """Airflow's structured log carries exceptions as `error_detail`: the outermost cause comes last."""
    for line in reversed(lines):
        detail = line.get("error_detail") if isinstance(line, Mapping) else None
        if isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
            return f"{detail[0].get('exc_type')}: {detail[0].get('exc_value')}"
    for line in reversed(lines):
        if isinstance(line, Mapping) and line.get("level") in ("error", "critical"):
            return str(line.get("event"))
    return ""
