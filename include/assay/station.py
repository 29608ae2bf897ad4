"""The one shape of a step: a request of digests in, a report out; and the one way to run it with evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from assay.json_types import Json
from assay.records import RunContext, StepReport, Subject
from assay.spec import PipelineSpec
from assay.workbench import Workbench


@dataclass(frozen=True)
class StepRequest:
    """What a station works on. inputs: role -> subject, the products of the steps before it.

    parameters: values a person gave for this run (the form in Airflow's UI), already checked.
    """

    spec: PipelineSpec
    context: RunContext
    inputs: Mapping[str, Subject] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)

    def input(self, role: str) -> Subject:
        """The subject in `role`. Raises PolicyViolation when the step before did not produce it."""
        from assay.errors import PolicyViolation

        try:
            return self.inputs[role]
        except KeyError:
            raise PolicyViolation(
                f"{self.spec.name}: expected a {role!r} from an earlier step, found {sorted(self.inputs)}; "
                "run the whole pipeline"
            ) from None


class Station(Protocol):
    """One verb: `tasks/screen_dataset.py::screen_dataset` and its kin."""

    def __call__(self, request: StepRequest, bench: Workbench) -> StepReport:
        """Do the step. Writes only content-addressed objects; evidence is appended by `run_station`."""
