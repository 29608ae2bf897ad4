"""Ray Tune's callback and stopper for a study.

Tune pickles both with the experiment, to restore them after a kill; so they carry only the study's name,
and what is alive (the spending, the voice) is looked up in this process.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ray.tune import Callback, Stopper

from tasks.training.budget import Spending

FAILED, FINAL = "failed", "final"


@dataclass
class _LiveStudy:
    spending: Spending
    metric: str
    trials: int
    say: Callable[[str], None]
    running: set[str] = field(default_factory=set)


_LIVE: dict[str, _LiveStudy] = {}


@contextlib.contextmanager
def live_study(name: str, spending: Spending, metric: str, trials: int, say: Callable[[str], None]) -> Iterator[None]:
    """While this is open, hooks of that name count and speak."""
    _LIVE[name] = _LiveStudy(spending, metric, trials, say)
    try:
        yield
    finally:
        del _LIVE[name]


class StudyHooks(Callback):
    """Counts running trials and spent time; one line of progress a report."""

    def __init__(self, name: str) -> None:
        self.name = name

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial runs."""
        _LIVE[self.name].running.add(trial.trial_id)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial ended by itself or was stopped."""
        _LIVE[self.name].running.discard(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial's worker is gone for good."""
        _LIVE[self.name].running.discard(trial.trial_id)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """An epoch's numbers."""
        live = _LIVE[self.name]
        live.spending.record(float(result.get("time_this_iter_s") or 0.0))
        number = int(trial.config["trial"]["index"]) + 1
        live.say(f"trial {number}/{live.trials}: {describe(result, live.metric)}")


class StudyStopper(Stopper):
    """Ends the study when its budget is spent."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No single trial is stopped here: trials see the deadline themselves."""
        return False

    def stop_all(self) -> bool:
        """Whether everything must end now."""
        live = _LIVE[self.name]
        return live.spending.is_overdue(len(live.running))


def describe(result: dict[str, Any], metric: str) -> str:
    """One report in words."""
    if result.get(FAILED):
        return f"failed: {result[FAILED]}"
    words = [f"{key} {result[key]:.4g}" for key in dict.fromkeys((metric, "loss", "accuracy")) if key in result]
    return ("done, " if result.get(FINAL) else f"epoch {result.get('epoch', '?')}, ") + ", ".join(words)
