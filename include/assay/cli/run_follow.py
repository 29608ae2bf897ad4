"""Follow a run to its end: a line a finished step, a bar for the whole, everything on stderr.

Only reads; when it is interrupted the run goes on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from assay.airflow_api import AirflowApi, TaskState
from assay.cli.run_outcome import RunOutcome, StepOutcome
from assay.json_types import JsonObject
from assay.records import StepReport, Verdict

if TYPE_CHECKING:
    from rich.console import Console

_POLL_SECONDS = 1.0
_OVER = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_MARKS = {Verdict.PASSED: "[green]✔[/]", Verdict.FAILED: "[red]✘[/]", Verdict.NOT_CHECKED: "[yellow]?[/]"}


@dataclass
class _Following:
    """What is known of a run so far; every task is told once for each thing that happens to it."""

    api: AirflowApi
    dag_id: str
    run_id: str
    console: "Console"
    steps: dict[str, StepOutcome] = field(default_factory=dict)
    told: set[tuple[str, str, int]] = field(default_factory=set)
    error: str = ""

    def look(self, tasks: list[TaskState]) -> None:
        """Tell what is new."""
        for task in tasks:
            news = (task.task_id, task.state, task.tries)
            if news not in self.told:
                self.told.add(news)
                self._tell(task)

    def _tell(self, task: TaskState) -> None:
        page = self.api.task_page(self.dag_id, self.run_id, task.task_id)
        if task.state == "success":
            self._tell_success(task, page)
        elif task.state == "failed":
            self.error = self.api.last_error(self.dag_id, self.run_id, task)
            self._line("[red]✘[/]", task, f"failed: {self.error}  {page}")
        elif task.state == "up_for_retry":
            self._line("[yellow]↻[/]", task, f"again soon: {self.api.last_error(self.dag_id, self.run_id, task)}")
        elif task.state == "awaiting_input":
            self._line("[yellow]…[/]", task, f"waits for a person: {page}")
        elif task.state in ("skipped", "upstream_failed"):
            self._line("[dim]–[/]", task, "not run")

    def _tell_success(self, task: TaskState, page: str) -> None:
        result = self.api.result(self.dag_id, self.run_id, task.task_id)
        if not (isinstance(result, dict) and "step" in result and "checks" in result):
            return
        step = StepOutcome(StepReport.from_json(cast(JsonObject, result)), task.seconds)
        self.steps[task.task_id] = step
        subject = f"{step.subject.name}@{step.subject.sha256[:12]}" if step.subject else ""
        verdict = step.report.verdict
        self._line(_MARKS[verdict], task, f"{verdict.value:<11} {task.seconds:6.1f} s  {subject}  {page}")

    def _line(self, mark: str, task: TaskState, text: str) -> None:
        # Errors and URLs may hold brackets, which are markup to rich.
        from rich.markup import escape

        self.console.print(f"{mark} {task.task_id:<10} {escape(text)}", highlight=False, soft_wrap=True)


def follow(api: AirflowApi, dag_id: str, run_id: str, sleep: Callable[[float], None] = time.sleep) -> RunOutcome:
    """Wait for the run's end, telling each step as it ends."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    following = _Following(api, dag_id, run_id, console)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("queued", total=None)
        while True:
            run = api.run_state(dag_id, run_id)
            tasks = api.tasks(dag_id, run_id)
            following.look(tasks)
            running = [task.task_id for task in tasks if task.state == "running"]
            over = sum(task.state in _OVER for task in tasks)
            progress.update(bar, total=len(tasks), completed=over, description=", ".join(running) or run.state)
            if run.is_over:
                break
            sleep(_POLL_SECONDS)
    return RunOutcome(
        run_id=run_id,
        state=run.state,
        steps=tuple(following.steps.values()),
        seconds=run.seconds,
        task_seconds=sum(task.seconds for task in tasks),
        error=following.error,
    )
