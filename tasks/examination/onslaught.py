"""The attacks of one threat model on a model in memory, part by part, and what makes their result believable."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from assay.json_types import Json
from assay.records import Check, Verdict
from assay.spec import ThreatModel
from tasks.attacks import pgd, suite
from tasks.attacks.ball import Ball
from tasks.attacks.pgd import AttackResult, Pgd, attack_pgd
from tasks.attacks.sanity import trust_checks
from tasks.attacks.suite import SUITES, SuiteResult, run_suite

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from tasks.attacks.target import Query

    Inputs = NDArray[np.float32]
    Labels = NDArray[np.int64]

_SANITY_ROWS = 64
_SANITY_ACCURACY = 0.05


class Onslaught(Protocol):
    """inputs: model space, in [0, 1]. `clean`, `robust`, `adversarial` are those of all rows attacked so far."""

    def attack(self, inputs: "Inputs", labels: "Labels") -> None:
        """Attack more rows."""

    def checks(self, inputs: "Inputs", labels: "Labels") -> tuple[Check, ...]:
        """Whether the result can be believed; of all the rows that were attacked."""

    @property
    def result(self) -> AttackResult | SuiteResult: ...

    @property
    def facts(self) -> dict[str, Json]: ...


def open_onslaught(
    threat: ThreatModel,
    module: "torch.nn.Module",
    query: "Query | None",
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> Onslaught:
    """What the threat model's `suite` names. query: the served file, for attacks that see answers alone.

    say: a line after each attack of a suite.
    """
    if threat.suite == "pgd":
        return ProjectedGradients(threat, module, seed)
    return Suite(threat, module, query, seed, say)


class ProjectedGradients:
    """One attack with restarts; the loss must rise, and an unbounded attack must win."""

    def __init__(self, threat: ThreatModel, module: "torch.nn.Module", seed: int) -> None:
        self._module, self._seed = module, seed
        self._attack = Pgd(threat.epsilon, threat.steps, threat.restarts, seed=seed)
        self._parts: list[AttackResult] = []

    def attack(self, inputs: "Inputs", labels: "Labels") -> None:
        self._parts.append(attack_pgd(self._module, inputs, labels, self._attack))

    @property
    def result(self) -> AttackResult:
        return pgd.join_results(self._parts)

    @property
    def facts(self) -> dict[str, Json]:
        return {"forward_passes": self.result.forward_passes, "backward_passes": self.result.backward_passes}

    def checks(self, inputs: "Inputs", labels: "Labels") -> tuple[Check, ...]:
        return _loss_check(self.result), _unbounded_check(self._module, inputs, labels, self._seed)


class Suite:
    """Several attacks, each of which first has to fell a model known to be weak."""

    def __init__(
        self,
        threat: ThreatModel,
        module: "torch.nn.Module",
        query: "Query | None",
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        self._module, self._query, self._seed, self._say = module, query, seed, say
        self._attacks, self._ball = SUITES[threat.suite](), Ball(threat.norm, threat.epsilon)
        self._parts: list[SuiteResult] = []

    def attack(self, inputs: "Inputs", labels: "Labels") -> None:
        ball, attacks = self._ball, self._attacks
        self._parts.append(run_suite(self._module, inputs, labels, ball, attacks, self._seed, self._query, self._say))

    @property
    def result(self) -> SuiteResult:
        return suite.join_results(self._parts)

    @property
    def facts(self) -> dict[str, Json]:
        outcomes = self.result.outcomes
        return {
            "forward_passes": sum(one.forward_passes for one in outcomes),
            "backward_passes": sum(one.backward_passes for one in outcomes),
            "attacks": [one.to_json() for one in outcomes],
        }

    def checks(self, inputs: "Inputs", labels: "Labels") -> tuple[Check, ...]:
        return trust_checks(self._module, inputs, labels, self._ball, self._attacks, self.result, self._seed)


def short_attack(
    module: "torch.nn.Module", inputs: "Inputs", labels: "Labels", ball: Ball, seed: int
) -> "NDArray[np.bool_]":
    """Which rows stand a quick climb: an upper bound, for curves. A ball larger than the box is the box."""
    from tasks.attacks.apgd import Apgd

    widest = 1.0 if ball.norm == "linf" else math.sqrt(inputs[0].size)
    held = Ball(ball.norm, min(ball.epsilon, widest))
    return run_suite(module, inputs, labels, held, [Apgd("ce", 20), Apgd("dlr_targeted", 20, targets=3)], seed).robust


def _loss_check(result: AttackResult) -> Check:
    rises = result.loss_after > result.loss_before or not result.clean.any()
    detail = f"mean loss {result.loss_before:.4g} before, {result.loss_after:.4g} after the first restart; it must rise"
    verdict = Verdict.PASSED if rises else Verdict.NOT_CHECKED
    return Check("loss rises", verdict, detail, result.loss_after, result.loss_before)


def _unbounded_check(module: "torch.nn.Module", inputs: "Inputs", labels: "Labels", seed: int) -> Check:
    """With the whole box [0, 1] to move in, every row must fall: else the gradients mislead the attack."""
    attack = Pgd(1.0, steps=50, restarts=2, seed=seed)
    left = attack_pgd(module, inputs[:_SANITY_ROWS], labels[:_SANITY_ROWS], attack).robust_accuracy
    verdict = Verdict.PASSED if left <= _SANITY_ACCURACY else Verdict.NOT_CHECKED
    detail = f"accuracy left on {min(_SANITY_ROWS, len(labels))} rows when epsilon is 1; more means masked gradients"
    return Check("unbounded attack wins", verdict, detail, left, _SANITY_ACCURACY)
