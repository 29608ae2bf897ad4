"""A model that hides its gradients never looks robust: the suite breaks it, or a check says why it is not believed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from assay.records import Verdict
from tasks.attacks.apgd import Apgd
from tasks.attacks.ball import Ball
from tasks.attacks.pgd import Pgd, attack_pgd
from tasks.attacks.sanity import masking_checks, trust_checks
from tasks.attacks.suite import quick_suite, run_suite

EPSILON = 0.15


class Hidden(torch.nn.Module):
    """A soft model behind something that hides its gradients."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kind = kind
        self.body = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(36, 24), torch.nn.ReLU(), torch.nn.Linear(24, 4)
        )

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        if self.kind == "quantised":
            batch = (batch * 8).round() / 8
        logits = self.body(batch)
        if self.kind == "saturated":
            return 1e4 * logits
        return logits.sign() * logits.abs().floor() if self.kind == "stepped" else logits


def rows_of(module: torch.nn.Module) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(1).random((80, 1, 6, 6)).astype(np.float32)
    with torch.no_grad():
        return rows, module(torch.from_numpy(rows)).argmax(1).numpy()


@pytest.mark.parametrize("kind", ["quantised", "saturated", "stepped"])
def test_masked_gradients_never_pass_for_robustness(kind: str) -> None:
    module = Hidden(kind)
    rows, labels = rows_of(module)
    honest = run_suite(Hidden("open"), rows, labels, Ball("linf", EPSILON), quick_suite()).robust_accuracy
    alone = attack_pgd(module, rows, labels, Pgd(EPSILON, losses=("cross_entropy",))).robust_accuracy
    result = run_suite(module, rows, labels, Ball("linf", EPSILON), quick_suite())
    checks = masking_checks(module, rows, labels, Ball("linf", EPSILON), result, 0)
    assert alone >= honest + 0.2, "this model was meant to look robust to projected gradients"
    believed = all(check.verdict is Verdict.PASSED for check in checks)
    assert result.robust_accuracy <= honest + 0.05 or not believed


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_honest_model_is_believed(norm: str) -> None:
    module = Hidden("open")
    rows, labels = rows_of(module)
    ball = Ball(norm, 0.02 if norm == "linf" else 0.1)  # type: ignore[arg-type]
    result = run_suite(module, rows, labels, ball, quick_suite())
    checks = trust_checks(module, rows, labels, ball, quick_suite(), result, 0)
    assert [check.verdict for check in checks] == [Verdict.PASSED] * 7


def test_without_a_black_box_and_with_rows_outside_the_ball_nothing_is_believed() -> None:
    module = Hidden("open")
    rows, labels = rows_of(module)
    ball, attacks = Ball("linf", 0.02), [Apgd("ce", 20)]
    result = run_suite(module, rows, labels, ball, attacks)
    left = replace(result, outcomes=tuple(replace(one, outside=3) for one in result.outcomes))
    verdicts = {check.name: check.verdict for check in trust_checks(module, rows, labels, ball, attacks, left, 0)}
    assert verdicts["answers tell no more than gradients"] is Verdict.NOT_CHECKED
    assert verdicts["apgd-ce sees"] is Verdict.NOT_CHECKED
