"""How many rows survive a threat model, and whether that number can be believed.

An attack that fails is not a robust model: gradients may be masked (Athalye et al. 2018), or the attack broken. So each
threat model comes with sanity checks; when one does not hold the robustness is not checked, never passed.
"""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from assay.inference import OnnxModel
from assay.json_types import Json
from assay.records import Check, Verdict
from assay.sdk import GradientModel, Rows
from assay.spec import AnyThreat, ThreatModel
from tasks.attacks.ball import Ball
from tasks.attacks.pgd import AttackResult, Pgd, attack_pgd
from tasks.attacks.sanity import trust_checks
from tasks.attacks.suite import SUITES, run_suite
from tasks.examination.case import Examined, ModelCase
from tasks.examination.clean import Interval, wilson
from tasks.training.rows import row_position, select_rows

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_SANITY_ROWS = 64
_SANITY_ACCURACY = 0.05
_INVERSE_TOLERANCE = 1e-5


@dataclass(frozen=True)
class EvasionResult:
    """robust_accuracy: share of `samples` rows right before and after every attack, on framework and ONNX both."""

    threat: ThreatModel
    samples: int
    robust_accuracy: float
    ci95: Interval
    checks: tuple[Check, ...]
    facts: dict[str, Json]


@dataclass(frozen=True)
class _Attacked:
    """What an attack left, whoever made it. own_checks: whether it can be believed."""

    clean: "NDArray[np.bool_]"
    robust: "NDArray[np.bool_]"
    adversarial: "NDArray[np.float32]"
    own_checks: tuple[Check, ...]
    facts: dict[str, Json]


def examine_threats(case: ModelCase) -> Examined:
    """Every threat model of the spec; facts: one entry each, in its order. robust_accuracy is the worst one's."""
    results, checks = [], list[Check]()
    for threat in case.spec.assay.threat_models:
        made = _examine(threat, case)
        if isinstance(made, Check):
            checks.append(made)
            continue
        case.say(f"assay: robust accuracy {made.robust_accuracy:.4f} at {threat_name(threat)}")
        results.append(made)
        checks += made.checks
    if not results:
        return Examined([], tuple(checks))
    worst = min(results, key=lambda result: result.robust_accuracy)
    return Examined(
        [result.facts for result in results],
        tuple(checks),
        {"robust_accuracy": worst.robust_accuracy},
        {"robust_accuracy": worst.ci95},
    )


def _examine(threat: AnyThreat, case: ModelCase) -> EvasionResult | Check:
    """Raises nothing for a model that cannot be attacked this way: that is a check in words."""
    if not isinstance(threat, ThreatModel):
        return Check(f"{threat_name(threat)}: examined", Verdict.NOT_CHECKED, "no attack on such inputs is at hand")
    model = case.candidate()
    if not isinstance(model, GradientModel):
        return without_gradients(threat, case.spec.train.model)
    return examine_evasion(model, case.served, case.rows["holdout"], threat, case.seed)


def examine_evasion(
    model: GradientModel, served: OnnxModel, rows: Rows, threat: ThreatModel, seed: int
) -> EvasionResult:
    """Attack at most `threat.samples` holdout rows, chosen by their ids alone."""
    started = time.perf_counter()
    chosen = attacked_rows(rows, threat.samples)
    inputs, name = model.to_model_space(chosen.inputs), threat_name(threat)
    attack = _by_projected_gradients if threat.suite == "pgd" else _by_suite
    result = attack(model, inputs, chosen.labels, threat, seed)
    onnx_right, transfer = _through_onnx(model, served, result.adversarial, chosen.labels)
    robust = result.robust if onnx_right is None else result.robust & onnx_right
    accuracy = float(robust.mean())
    words = f"{int(result.robust.sum())} of {len(chosen)} rows stand, {int(result.clean.sum())} were right before"
    checks = (
        Check(f"{name}: examined", Verdict.PASSED, words, measured=accuracy),
        *(replace(check, name=f"{name}: {check.name}") for check in result.own_checks),
        _transfer_check(name, transfer),
    )
    facts: dict[str, Json] = {
        **threat.model_dump(mode="json"),
        "samples": len(chosen),
        "clean_accuracy": float(result.clean.mean()),
        "robust_accuracy": accuracy,
        "robust_accuracy_framework": float(result.robust.mean()),
        "robust_accuracy_onnx": None if onnx_right is None else float((result.clean & onnx_right).mean()),
        **result.facts,
        "seconds": round(time.perf_counter() - started, 3),
    }
    return EvasionResult(threat, len(chosen), accuracy, wilson(int(robust.sum()), len(chosen)), checks, facts)


def _by_projected_gradients(
    model: GradientModel, inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]", threat: ThreatModel, seed: int
) -> _Attacked:
    attack = Pgd(threat.epsilon, threat.steps, threat.restarts, seed=seed)
    result = attack_pgd(_module(model), inputs, labels, attack)
    checks = _loss_check(result), _unbounded_check(model, inputs, labels, seed)
    facts: dict[str, Json] = {"forward_passes": result.forward_passes, "backward_passes": result.backward_passes}
    return _Attacked(result.clean, result.robust, result.adversarial, checks, facts)


def _by_suite(
    model: GradientModel, inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]", threat: ThreatModel, seed: int
) -> _Attacked:
    """Several attacks, each of which first has to fell a model known to be weak."""
    attacks, ball = SUITES[threat.suite](), Ball(threat.norm, threat.epsilon)
    result = run_suite(_module(model), inputs, labels, ball, attacks, seed)
    checks = trust_checks(_module(model), inputs, labels, ball, attacks, result, seed)
    facts: dict[str, Json] = {
        "forward_passes": sum(one.forward_passes for one in result.outcomes),
        "backward_passes": sum(one.backward_passes for one in result.outcomes),
        "attacks": [one.to_json() for one in result.outcomes],
    }
    return _Attacked(result.clean, result.robust, result.adversarial, checks, facts)


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


def _module(model: GradientModel) -> "torch.nn.Module":
    return cast("torch.nn.Module", model.module_function())


def _loss_check(result: AttackResult) -> Check:
    rises = result.loss_after > result.loss_before or not result.clean.any()
    detail = f"mean loss {result.loss_before:.4g} before, {result.loss_after:.4g} after the first restart; it must rise"
    verdict = Verdict.PASSED if rises else Verdict.NOT_CHECKED
    return Check("loss rises", verdict, detail, result.loss_after, result.loss_before)


def _unbounded_check(
    model: GradientModel, inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]", seed: int
) -> Check:
    """With the whole box [0, 1] to move in, every row must fall: else the gradients mislead the attack."""
    attack = Pgd(1.0, steps=50, restarts=2, seed=seed)
    left = attack_pgd(_module(model), inputs[:_SANITY_ROWS], labels[:_SANITY_ROWS], attack).robust_accuracy
    verdict = Verdict.PASSED if left <= _SANITY_ACCURACY else Verdict.NOT_CHECKED
    detail = f"accuracy left on {min(_SANITY_ROWS, len(labels))} rows when epsilon is 1; more means masked gradients"
    return Check("unbounded attack wins", verdict, detail, left, _SANITY_ACCURACY)


def _through_onnx(
    model: GradientModel, served: OnnxModel, adversarial: "NDArray[np.float32]", labels: "NDArray[np.int64]"
) -> tuple["NDArray[np.bool_] | None", float]:
    """Which adversarial rows the exported file gets right, and how far the way back to raw inputs is off.

    None when `from_model_space` is no inverse: then raw rows are not the rows that were attacked.
    """
    import numpy as np

    raw = model.from_model_space(adversarial)
    back = model.to_model_space(raw)
    off = float(np.abs(back - adversarial).max()) if back.shape == adversarial.shape else float("inf")
    if not off <= _INVERSE_TOLERANCE:
        return None, off
    return served.predict(raw).label == labels, off


def _transfer_check(name: str, off: float) -> Check:
    if off <= _INVERSE_TOLERANCE:
        return Check(f"{name}: examined on the ONNX file", Verdict.PASSED, "adversarial rows were sent through it too")
    detail = f"from_model_space is no inverse of to_model_space (off by {off:g}); write it to examine the file as well"
    return Check(f"{name}: examined on the ONNX file", Verdict.NOT_CHECKED, detail)
