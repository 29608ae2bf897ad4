"""A trained model as a candidate bundle: the class's own state, never pickle, and what it was made from."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from assay.bundle import ModelBundle, fetch_bundle, save_bundle
from assay.errors import IntegrityError
from assay.json_types import JsonObject
from assay.loaders import load_class
from assay.records import Subject
from assay.sdk import TrainableModel
from assay.spec import PipelineSpec
from tasks.training.study import TrialOutcome

if TYPE_CHECKING:
    from assay.workbench import Workbench


def save_candidate(
    best: TrialOutcome, checkpoint: Path, spec: PipelineSpec, facts: JsonObject, bench: "Workbench"
) -> Subject:
    """Load the trial's checkpoint and save the model alone: what only resuming needs stays behind."""
    model: TrainableModel = load_class(spec.train.model, TrainableModel)()
    model.load_function(checkpoint)
    folder = Path(tempfile.mkdtemp(prefix="candidate-", dir=bench.workdir))
    model.save_function(folder)
    everything = {"model": spec.train.model, **best.trial.to_json(), **facts}
    return save_bundle(spec.name, "candidate", folder, bench.store, facts=everything)


def load_candidate(subject: Subject, spec: PipelineSpec, bench: "Workbench") -> tuple[TrainableModel, ModelBundle]:
    """The candidate in memory, its bytes verified. Raises IntegrityError when another class made it.

    The class comes from the spec, not from the bundle: a bundle must not choose which code runs.
    """
    folder = Path(tempfile.mkdtemp(prefix="candidate-", dir=bench.workdir))
    bundle = fetch_bundle(subject, bench.store, folder)
    found = bundle.facts.get("model")
    if bundle.form != "candidate" or found != spec.train.model:
        raise IntegrityError(
            f"{subject.name}: expected a candidate of {spec.train.model}, found form {bundle.form} of {found}; "
            "train again with the present spec"
        )
    model: TrainableModel = load_class(spec.train.model, TrainableModel)()
    model.load_function(folder)
    return model, bundle
