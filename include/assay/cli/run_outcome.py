"""What a followed run came to: its steps in order, one verdict, one exit code, one JSON document."""

from dataclasses import dataclass

from assay.errors import family_of
from assay.json_types import JsonObject
from assay.records import Step, StepReport, Subject, Verdict


@dataclass(frozen=True)
class StepOutcome:
    """One station's report and how long its task took, in seconds."""

    report: StepReport
    seconds: float

    @property
    def subject(self) -> Subject | None:
        """What the step made, else what it judged."""
        return next(iter(self.report.subjects()), None)

    def to_json(self) -> JsonObject:
        return {
            "step": self.report.step.value,
            "verdict": self.report.verdict.value,
            "seconds": round(self.seconds, 3),
            "subject": self.subject.sha256 if self.subject else None,
        }


@dataclass(frozen=True)
class RunOutcome:
    """state: of the DAG run. seconds: from request to end. task_seconds: sum over its tasks.

    error: the failed task's error, "" when no task failed.
    """

    run_id: str
    state: str
    steps: tuple[StepOutcome, ...] = ()
    seconds: float = 0.0
    task_seconds: float = 0.0
    error: str = ""

    @property
    def verdict(self) -> Verdict:
        """PASSED only when the deployment passed; a refusal is FAILED; a run that broke or goes on NOT_CHECKED."""
        if self.state != "success" or not self.steps:
            return Verdict.NOT_CHECKED
        last = self.steps[-1].report
        if last.verdict is not Verdict.PASSED:
            return last.verdict
        return Verdict.PASSED if last.step is Step.DEPLOY else Verdict.NOT_CHECKED

    @property
    def exit_code(self) -> int:
        if self.state == "success":
            return 0 if self.verdict is Verdict.PASSED else 3
        if self.state == "failed":
            family, _ = family_of(self.error)
            return family.exit_code if family else 1
        return 0

    def product(self, role: str) -> str | None:
        """Digest of what the run made in `role`, None when it did not come so far."""
        for step in self.steps:
            if role in step.report.products:
                return step.report.products[role].sha256
        return None

    def refusal(self) -> list[str]:
        """Why not, a line a check: of the step that said no, and of what it judged by."""
        lines = []
        for step in self.steps:
            for check in step.report.checks:
                if check.verdict is not Verdict.PASSED:
                    bound = "" if check.threshold is None else f" (measured {check.measured}, bound {check.threshold})"
                    lines.append(
                        f"{step.report.step.value}: {check.name}: {check.verdict.value}: {check.detail}{bound}"
                    )
        return lines

    def to_json(self) -> JsonObject:
        return {
            "run_id": self.run_id,
            "state": self.state,
            "dataset": self.product("raw"),
            "model": self.product("model"),
            "verdict": self.verdict.value,
            "steps": [step.to_json() for step in self.steps],
            "seconds": round(self.seconds, 3),
            "task_seconds": round(self.task_seconds, 3),
            "error": self.error,
        }
