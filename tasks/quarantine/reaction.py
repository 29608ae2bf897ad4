"""What the spec of each live pipeline wants done about a quarantine: report, cut out, or cut out and train anew."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from assay.errors import AssayError
from assay.json_types import JsonObject
from assay.settings import Settings
from assay.spec_file import load_spec, spec_paths
from tasks.quarantine.spread import Live


@dataclass(frozen=True)
class Reaction:
    """done: `reported`, `cut out` or `retraining`. problem: why more could not be done, or ""."""

    name: str
    done: str
    problem: str = ""

    def to_json(self) -> JsonObject:
        return {"name": self.name, "done": self.done, "problem": self.problem}


def react(live: Iterable[Live], reference: str, settings: Settings) -> tuple[Reaction, ...]:
    """One a deployment. What fails for one is told and does not keep the others from being cut out."""
    return tuple(_react(one.name, reference, settings) for one in live)


def _react(name: str, reference: str, settings: Settings) -> Reaction:
    done = "reported"
    try:
        (path,) = spec_paths(settings.pipelines, only=[name])
        wanted = load_spec(path, check_classes=False).deploy.on_quarantine
        if wanted != "report":
            _cut_out(name, reference)
            done = "cut out"
        if wanted == "retrain":
            _retrain(name, settings)
            done = "retraining"
    except AssayError as error:
        return Reaction(name, done, str(error))
    return Reaction(name, done)


def _cut_out(name: str, reference: str) -> None:
    from tasks.commands import run_by_hand
    from tasks.cut_out_model import cut_out_model

    run_by_hand(cut_out_model, name, {"reason": f"{reference} is in quarantine"})


def _retrain(name: str, settings: Settings) -> None:
    from assay.airflow_api import AirflowApi

    run_id = f"quarantine__{datetime.now(UTC):%Y%m%dT%H%M%S}_{secrets.token_hex(3)}"
    AirflowApi.open(settings).trigger(f"{name}.train", run_id, {})
