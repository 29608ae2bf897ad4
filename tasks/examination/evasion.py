"""How many rows survive a threat model, and whether that number can be believed.

An attack that fails is not a robust model: gradients may be masked (Athalye et al. 2018), or the attack broken. So each
threat model comes with sanity checks; when one does not hold the robustness is not checked, never passed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from assay.inference import OnnxModel, Predictions
from assay.json_types import Json
from assay.records import Check, Verdict
from assay.sdk import GradientModel, Rows
from assay.spec import AnyThreat, ThreatModel
from tasks.attacks.ball import Ball
from tasks.examination.attack_views import AttackedRows, confusions, outcomes_parquet, robustness_curve
from tasks.examination.clean import Interval, wilson
from tasks.examination.looks import is_certain, looks, rows_wanted
from tasks.examination.onslaught import Onslaught, open_onslaught
from tasks.stress.parity import parity_under_attack
from tasks.training.rows import row_position, select_rows

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from tasks.attacks.pgd import AttackResult
    from tasks.attacks.suite import SuiteResult
    from tasks.attacks.target import Query

_INVERSE_TOLERANCE = 1e-5
_TRIED_BACK = 64


@dataclass(frozen=True)
class EvasionResult:
    """robust_accuracy: share of `samples` rows right before and after every attack, on framework and ONNX both.

    outcomes: a Parquet of every row's. attacked: the rows themselves, where they are numbers that gradients move.
    """

    threat: AnyThreat
    samples: int
    robust_accuracy: float
    ci95: Interval
    checks: tuple[Check, ...]
    facts: dict[str, Json]
    outcomes: bytes
    attacked: AttackedRows | None = None


def examine_evasion(
    model: GradientModel,
    served: OnnxModel,
    rows: Rows,
    threat: ThreatModel,
    seed: int,
    bounds: Sequence[float] = (),
    say: Callable[[str], None] = lambda _: None,
) -> EvasionResult:
    """Attack holdout rows chosen by their ids alone, until it is certain on which side of `bounds` the model is."""
    import numpy as np

    started, name = time.perf_counter(), threat_name(threat)
    chosen = attacked_rows(rows, rows_wanted(threat.samples, bounds))
    module = cast("torch.nn.Module", model.module_function())
    inputs = model.to_model_space(chosen.inputs)
    query = _query(model, served, inputs)
    onslaught = open_onslaught(threat, module, query, seed, lambda line: say(f"assay: {name}: {line}"))
    done = _attack_until_certain(onslaught, inputs, chosen.labels, bounds)
    tried, result = select_rows(chosen, np.arange(done)), onslaught.result
    asked = served.predict(tried.inputs)
    answers, off = _through_onnx(model, served, result.adversarial)
    after = answers or _through_module(module, result.adversarial)
    attacked = _attacked_rows(tried, inputs[:done], result, asked, after)
    stand, interval = int(attacked.robust.sum()), wilson(int(attacked.robust.sum()), done)
    words = f"{stand} of {done} rows stand, {int(attacked.clean.sum())} were right before"
    early = f"; certain after {done} of {len(chosen)} rows" if done < len(chosen) else ""
    believed = onslaught.checks(attacked.inputs, attacked.labels)
    parity = (
        parity_under_attack(name, model.predict_function(model.from_model_space(result.adversarial)), answers)
        if answers
        else None
    )
    checks = (
        Check(f"{name}: examined", Verdict.PASSED, words + early, measured=stand / done),
        *(replace(check, name=f"{name}: {check.name}") for check in believed),
        _transfer_check(name, off),
        *([parity.check] if parity else []),
    )
    facts: dict[str, Json] = {
        **threat.model_dump(mode="json"),
        "samples": done,
        "planned": len(chosen),
        "clean_accuracy": float(attacked.clean.mean()),
        "robust_accuracy": stand / done,
        "ci95": list(interval),
        "robust_accuracy_framework": float(result.robust.mean()),
        "robust_accuracy_onnx": float((attacked.clean & (after.label == tried.labels)).mean()) if answers else None,
        "parity": parity.facts if parity else None,
        **onslaught.facts,
        "curve": robustness_curve(attacked, module, Ball(threat.norm, threat.epsilon), seed),
        "confusion": confusions(attacked, asked.probabilities.shape[1]),
        "seconds": round(time.perf_counter() - started, 3),
    }
    outcomes = outcomes_parquet(attacked.row_ids, attacked.clean, attacked.robust)
    return EvasionResult(threat, done, stand / done, interval, checks, facts, outcomes, attacked)


def _attack_until_certain(
    onslaught: Onslaught, inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]", bounds: Sequence[float]
) -> int:
    """How many rows were attacked, from the first on."""
    done = 0
    for part in looks(len(labels), bounds):
        onslaught.attack(inputs[part], labels[part])
        done = part.stop
        if is_certain(int(onslaught.result.robust.sum()), done, bounds):
            break
    return done


def without_gradients(threat: ThreatModel, model_class: str) -> Check:
    """A threat model that cannot be examined is reported, never skipped."""
    detail = f"{model_class} is no GradientModel, so projected gradients cannot attack it"
    return Check(f"{threat_name(threat)}: examined", Verdict.NOT_CHECKED, detail)


def threat_name(threat: AnyThreat) -> str:
    """Short and stable, for checks and metrics: `linf 0.3`."""
    return f"{threat.norm} {threat.epsilon:g}"


def attacked_rows(rows: Rows, samples: int) -> Rows:
    """The first `samples` rows in an order that follows from row ids alone."""
    import numpy as np

    return select_rows(rows, np.argsort([row_position(row_id) for row_id in rows.row_ids], kind="stable")[:samples])


def _attacked_rows(
    tried: Rows,
    inputs: "NDArray[np.float32]",
    result: "AttackResult | SuiteResult",
    before: Predictions,
    after: Predictions,
) -> AttackedRows:
    import numpy as np

    return AttackedRows(
        row_ids=tried.row_ids,
        labels=tried.labels,
        inputs=inputs,
        adversarial=result.adversarial,
        clean=result.clean,
        robust=result.robust & (after.label == tried.labels),
        before=before.label,
        after=np.where(result.clean, after.label, before.label),
        probability=after.probabilities.max(1),
    )


def _query(model: GradientModel, served: OnnxModel, inputs: "NDArray[np.float32]") -> "Query | None":
    """The file's scores of rows in model space, their logarithms standing for logits; None where no way leads back."""
    import numpy as np

    if _way_back(model, inputs[:_TRIED_BACK])[1] > _INVERSE_TOLERANCE:
        return None

    def scores(rows: "NDArray[np.float32]") -> "NDArray[np.float32]":
        shares = served.predict(model.from_model_space(rows)).probabilities
        return np.asarray(np.log(np.maximum(shares, np.finfo(np.float32).tiny)))

    return scores


def _through_onnx(
    model: GradientModel, served: OnnxModel, adversarial: "NDArray[np.float32]"
) -> tuple[Predictions | None, float]:
    """What the exported file answers to adversarial rows, and how far the way back to raw inputs is off.

    None when `from_model_space` is no inverse: then raw rows are not the rows that were attacked.
    """
    raw, off = _way_back(model, adversarial)
    return (served.predict(raw) if off <= _INVERSE_TOLERANCE else None), off


def _way_back(model: GradientModel, inputs: "NDArray[np.float32]") -> "tuple[NDArray[Any], float]":
    """Rows of model space as raw inputs, and how far those are off when they come in again."""
    import numpy as np

    raw = model.from_model_space(inputs)
    back = model.to_model_space(raw)
    return raw, float(np.abs(back - inputs).max()) if back.shape == inputs.shape else float("inf")


def _through_module(module: "torch.nn.Module", inputs: "NDArray[np.float32]") -> Predictions:
    """The framework's own answers to rows of model space."""
    import numpy as np
    import torch

    from assay.torch_mode import evaluation_mode

    with evaluation_mode(module) as device, torch.no_grad():
        parts = torch.split(torch.from_numpy(np.ascontiguousarray(inputs, np.float32)), 256)
        shares = torch.cat([module(part.to(device)).softmax(1).cpu() for part in parts]).numpy()
    return Predictions(shares.argmax(1), shares)


def _transfer_check(name: str, off: float) -> Check:
    if off <= _INVERSE_TOLERANCE:
        return Check(f"{name}: examined on the ONNX file", Verdict.PASSED, "adversarial rows were sent through it too")
    detail = f"from_model_space is no inverse of to_model_space (off by {off:g}); write it to examine the file as well"
    return Check(f"{name}: examined on the ONNX file", Verdict.NOT_CHECKED, detail)
