"""Where a station runs. One place today: the worker's own process.

A place is a function from (step, request) to a report. A further place (a pod, a Ray job) carries the
request there as JSON, calls `run_in_process` on the other side and brings the report back; settings
choose it, never the DAG.
"""

import importlib
from collections.abc import Callable
from typing import Protocol, cast

from assay.records import Step, StepReport
from assay.settings import Settings
from assay.station import Station, StepRequest

# One verb a file; its main function shares its name.
_STATIONS = {
    Step.COLLECT: "collect_dataset",
    Step.VALIDATE: "validate_dataset",
    Step.SCREEN: "screen_dataset",
    Step.SPLIT: "split_dataset",
    Step.TRAIN: "train_model",
    Step.EXPORT: "export_model",
    Step.ASSAY: "assay_model",
    Step.GATE: "decide_promotion",
    Step.REGISTER: "register_model",
    Step.DEPLOY: "deploy_model",
    Step.WATCH: "watch_model",
    Step.ROLLBACK: "rollback_model",
    Step.CUT_OUT: "cut_out_model",
}


class Place(Protocol):
    """Runs one step with evidence and hands back its report."""

    def __call__(
        self, station: Station, request: StepRequest, settings: Settings, say: Callable[[str], None]
    ) -> StepReport:
        """Run `station`. Raises whatever it raises; evidence is appended where the station runs."""


def station_of(step: Step) -> Station:
    """The function behind a step, imported only now: DAG files must not pay for it."""
    name = _STATIONS[step]
    return cast(Station, getattr(importlib.import_module(f"tasks.{name}"), name))


def run_in_process(
    station: Station, request: StepRequest, settings: Settings, say: Callable[[str], None]
) -> StepReport:
    """Run the station here, with every port opened from `settings`."""
    from assay.station import run_station
    from assay.workbench import open_workbench

    with open_workbench(settings, say) as bench:
        return run_station(station, request, bench)
