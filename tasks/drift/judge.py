"""Turns two-sample results into findings: significant after Holm's correction, and large enough to matter."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.json_types import JsonObject
from assay.records import Check, Verdict
from assay.spec import MonitorSpec
from tasks.drift.two_sample import TestResult, accuracy_loss, class_shift, fourier_mmd, kolmogorov_smirnov

_SHOWN_COLUMNS = 10


@dataclass(frozen=True)
class Finding:
    """One named comparison. p_value is corrected for the number of columns tested with it."""

    name: str
    result: TestResult
    p_value: float
    drifted: bool

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "statistic": self.result.statistic,
            "effect": self.result.effect,
            "p_value": self.p_value,
            "verdict": (Verdict.FAILED if self.drifted else Verdict.PASSED).value,
        }


def judge_features(
    reference: NDArray[np.float32], current: NDArray[np.float32], names: Sequence[str], monitor: MonitorSpec, seed: int
) -> list[Finding]:
    """Column by column and jointly. (n, d) and (m, d) in; the joint finding first, then the worst columns."""
    columns = kolmogorov_smirnov(reference, current)
    corrected = holm([result.p_value for result in columns])
    findings = [
        _finding(name, result, p_value, monitor)
        for name, result, p_value in zip(names, columns, corrected, strict=True)
    ]
    findings.sort(key=lambda finding: (-finding.drifted, finding.p_value, -finding.result.effect))
    joint = fourier_mmd(reference, current, seed=seed)
    return [_finding("all inputs jointly", joint, joint.p_value, monitor), *findings[:_SHOWN_COLUMNS]]


def judge_predictions(reference: NDArray[np.int64], current: NDArray[np.int64], monitor: MonitorSpec) -> Finding:
    """Shares of the predicted classes."""
    result = class_shift(reference, current)
    return _finding("predicted classes", result, result.p_value, monitor)


def judge_performance(expected_accuracy: float, correct: NDArray[np.bool_], monitor: MonitorSpec) -> Finding:
    """Accuracy on rows that people labelled, against what the gate approved."""
    result = accuracy_loss(expected_accuracy, correct)
    drifted = result.p_value < monitor.significance and result.effect > monitor.max_accuracy_loss
    return Finding("accuracy on labelled rows", result, result.p_value, drifted)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): controls the chance of any false alarm among the columns."""
    corrected = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(np.argsort(p_values)):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = running
    return corrected


def to_check(finding: Finding, threshold: float) -> Check:
    """The finding as a check of a signed statement."""
    state = "drifted" if finding.drifted else "stable"
    return Check(
        name=finding.name,
        verdict=Verdict.FAILED if finding.drifted else Verdict.PASSED,
        detail=f"{state}: effect {finding.result.effect:.3f}, corrected p {finding.p_value:.2g}",
        measured=finding.result.effect,
        threshold=threshold,
    )


def _finding(name: str, result: TestResult, p_value: float, monitor: MonitorSpec) -> Finding:
    return Finding(name, result, p_value, p_value < monitor.significance and result.effect >= monitor.effect)
