"""What a study may spend, and what it has spent, also over restarts."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from assay.spec import BudgetSpec

_GRACE_SHARE, _GRACE_SECONDS = 0.1, 60.0


@dataclass
class Spending:
    """Seconds and GPU-hours of one study, kept in its folder so that a resumed study goes on counting.

    Trials end by themselves at their next report after `deadline`; a study that still runs a grace later is stopped.
    """

    budget: BudgetSpec
    file: Path
    gpus: float = 0.0
    started: float = field(default_factory=time.time)
    earlier_seconds: float = 0.0
    gpu_hours: float = 0.0

    @classmethod
    def open(cls, budget: BudgetSpec, file: Path, gpus: float) -> "Spending":
        """Spending so far, from `file` where there is one."""
        spent = json.loads(file.read_text()) if file.is_file() else {}
        return cls(budget, file, gpus, earlier_seconds=spent.get("seconds", 0.0), gpu_hours=spent.get("gpu_hours", 0.0))

    @property
    def seconds(self) -> float:
        """Wall seconds of the study, earlier attempts included."""
        return self.earlier_seconds + time.time() - self.started

    @property
    def deadline(self) -> float:
        """Unix time at which the budget's seconds are spent."""
        return self.started + self.budget.seconds - self.earlier_seconds

    def record(self, trial_seconds: float) -> None:
        """A trial reported after `trial_seconds` more; writes the file in one piece."""
        self.gpu_hours += self.gpus * trial_seconds / 3600
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps({"seconds": self.seconds, "gpu_hours": self.gpu_hours}))
        partial.replace(self.file)

    def spent(self) -> str:
        """Which limit is reached: "seconds", "gpu_hours", or "" when none is."""
        if self.budget.gpu_hours and self.gpu_hours >= self.budget.gpu_hours:
            return "gpu_hours"
        return "seconds" if self.seconds >= self.budget.seconds else ""

    def is_overdue(self, running: int) -> bool:
        """Whether to stop what runs: at once when nothing runs or GPU-hours are spent, else after a grace."""
        spent = self.spent()
        grace = max(_GRACE_SECONDS, _GRACE_SHARE * self.budget.seconds)
        return bool(spent) and (spent == "gpu_hours" or running == 0 or self.seconds > self.budget.seconds + grace)
