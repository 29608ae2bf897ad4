"""Is a backdoor planted in the finished model? An image classifier's triggers, held against those of sound twins.

Believed only after the search found a known backdoor in a small network and accused nothing in its sound copy.
"""

import io
from typing import TYPE_CHECKING, cast

from assay.json_types import Json, JsonObject
from assay.records import Check, Verdict
from assay.sdk import GradientModel
from assay.spec import BackdoorSpec
from tasks.backdoors.canaries import see_backdoors
from tasks.backdoors.decision import CLASS_BOUND, PAIR_BOUND, TRANSFER_BOUND, is_to_be_heard
from tasks.backdoors.find_backdoor import find_backdoor
from tasks.backdoors.finding import BackdoorFinding, Suspect
from tasks.backdoors.pairs import MOST_PAIRED_CLASSES
from tasks.backdoors.reference import TWIN_ROWS
from tasks.backdoors.trigger import Form
from tasks.examination.case import Examined, ModelCase
from tasks.examination.evasion import attacked_rows

if TYPE_CHECKING:
    import torch

NAME = "backdoors"
_UNITS = {Form.PATCH: "pixels", Form.PART: "pixels in one place", Form.OVERLAY: "by Euclidean length"}


def examine_backdoors(case: ModelCase) -> Examined:
    """Holdout rows, chosen by their ids alone. facts: an entry a class, the bounds, digests of planted triggers."""
    asked = case.spec.assay.backdoors or BackdoorSpec()
    model = case.candidate()
    if not isinstance(model, GradientModel):
        return _unknown(f"{case.spec.train.model} is no GradientModel, so triggers cannot be sought by gradients")
    rows = attacked_rows(case.rows["holdout"], max(asked.samples, TWIN_ROWS))
    inputs = model.to_model_space(rows.inputs)
    if inputs.ndim != 4:
        return _unknown(f"triggers are sought in images, the model takes rows of shape {inputs.shape[1:]}")
    blind = see_backdoors(case.seed)
    if blind:
        return _unknown(f"the search cannot be believed: {blind}")
    module = cast("torch.nn.Module", model.module_function())
    finding = find_backdoor(module, inputs, rows.labels, case.seed, asked.seconds, asked.samples)
    if finding.problem:
        return _unknown(finding.problem)
    case.say(f"assay: {len(finding.planted)} backdoors found after {finding.seconds:.0f} s")
    return Examined(_facts(finding, case, len(rows)), (judge(finding),))


def judge(finding: BackdoorFinding) -> Check:
    """Names what is planted, else the class that came nearest."""
    if finding.problem:
        return Check(NAME, Verdict.NOT_CHECKED, finding.problem)
    if finding.planted:
        worst = finding.planted[0]
        detail = "; ".join(_words(one) for one in finding.planted)
        return Check(
            NAME,
            Verdict.FAILED,
            f"{detail}; `assay clean` trains it anew without the rows that carry it",
            worst.score,
            worst.bound,
        )
    nearest = min(finding.classes, key=lambda one: one.score)
    detail = f"no class has a trigger that nature does not explain; nearest is {_words(nearest)}; {_ways(finding)}"
    return Check(NAME, Verdict.PASSED, detail, nearest.score, nearest.bound)


def _ways(finding: BackdoorFinding) -> str:
    """The nearest from one class to another, or plainly that none was sought."""
    if not finding.pairs:
        return f"triggers for rows of one class alone were not sought: more than {MOST_PAIRED_CLASSES} classes"
    return f"from one class to another the nearest is {_words(finding.pairs[0])}"


def _unknown(problem: str) -> Examined:
    return Examined({"problem": problem}, (Check(NAME, Verdict.NOT_CHECKED, problem),))


def _words(suspect: Suspect) -> str:
    source = "any row" if suspect.aim.source is None else f"rows of class {suspect.aim.source}"
    sizes = " and ".join(
        f"{trigger.form.value} {trigger.size:.1f} {_UNITS[trigger.form]} (naturally {natural:.1f})"
        for trigger, natural in zip(suspect.triggers, suspect.natural, strict=True)
    )
    success = max(trigger.success for trigger in suspect.triggers)
    judged = f"score {suspect.score:.2f}{suspect.excuse}"
    return f"class {suspect.aim.target} from {source} by {sizes}, success {success:.0%}, {judged}"


def _facts(finding: BackdoorFinding, case: ModelCase, rows: int) -> Json:
    return {
        "classes": [_entry(one) for one in finding.classes],
        "pairs": [_entry(one) for one in finding.pairs],
        "planted": [{**_entry(one), "pictures": _keep(one, case)} for one in finding.planted],
        "bounds": {"class": CLASS_BOUND, "pair": PAIR_BOUND, "transfer": TRANSFER_BOUND},
        "twins_of_same_layers": finding.reference is not None and finding.reference.same_layers,
        "rows": rows,
        "seconds": finding.seconds,
        "cpu_seconds": finding.cpu_seconds,
    }


def _entry(suspect: Suspect) -> JsonObject:
    """One class, or one way to it from a source: score, transfer if it was asked, sizes and success."""
    triggers: dict[str, Json] = {
        trigger.form.value: {"size": trigger.size, "natural": natural, "success": trigger.success}
        for trigger, natural in zip(suspect.triggers, suspect.natural, strict=True)
    }
    heard: dict[str, Json] = {"transfer": suspect.transfer} if is_to_be_heard(suspect.score, suspect.bound) else {}
    return {"class": suspect.aim.target, "source": suspect.aim.source, "score": suspect.score, **heard, **triggers}


def _keep(suspect: Suspect, case: ModelCase) -> str:
    """Digest of an NPZ in the store: of each trigger its mask and what it adds."""
    import numpy as np

    written = io.BytesIO()
    parts = {f"{one.form.value}_mask": one.mask for one in suspect.triggers}
    np.savez_compressed(written, **parts, **{f"{one.form.value}_added": one.added for one in suspect.triggers})
    return case.store.put_bytes(written.getvalue())
