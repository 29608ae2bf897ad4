"""Whether a robust accuracy can be believed: every attack sees and keeps to the ball, and no gradient is masked.

The signs of masked gradients are those of Carlini et al. 2019 and Croce & Hein 2020a. A check that does not hold makes
the result `not_checked`: the attacks failed, and the model may be weak all the same.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.records import Check, Verdict
from tasks.attacks.apgd import Apgd
from tasks.attacks.ball import Ball
from tasks.attacks.canaries import sees
from tasks.attacks.losses import cross_entropy
from tasks.attacks.suite import SuiteResult, run_suite
from tasks.attacks.target import Attack, Target

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

BLACK_BOX = frozenset({"square"})
ROWS = 64
LEFT_UNBOUNDED = 0.05
LONGER, MOST_BY_LONGER = 3, 0.05
MOST_BY_ANSWERS = 0.05
MOST_DEAD = 0.1


def trust_checks(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    ball: Ball,
    attacks: Sequence[Attack],
    result: SuiteResult,
    seed: int,
) -> tuple[Check, ...]:
    """A check for each of `attacks`, whose `result` this is, by its canary and its moves; then for masked gradients."""
    outside = {one.name: one.outside for one in result.outcomes}
    flaws = {one.name: sees(one, ball.norm, images=inputs.ndim == 4, seed=seed) for one in attacks}
    left = "it moved {} rows out of the ball of its threat model"
    return (
        *(
            attack_check(name, flaw or (left.format(outside[name]) if outside.get(name) else ""))
            for name, flaw in flaws.items()
        ),
        *masking_checks(module, inputs, labels, ball, result, seed),
    )


def attack_check(name: str, flaw: str) -> Check:
    """flaw: why the attack must not be believed, in words; empty when there is no reason."""
    detail = flaw or "it felled every row of a model known to be weak, and none out of reach"
    return Check(f"{name} sees", Verdict.NOT_CHECKED if flaw else Verdict.PASSED, detail)


def masking_checks(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    ball: Ball,
    result: SuiteResult,
    seed: int,
) -> tuple[Check, ...]:
    """Four checks on at most 64 rows each; inputs, labels and result as in `run_suite`."""
    return (
        _gradients_live(module, inputs, labels),
        _unbounded_wins(module, inputs, labels, ball, seed),
        _longer_helps_no_more(module, inputs, labels, ball, result, seed),
        _answers_tell_no_more(result),
    )


def _gradients_live(module: "torch.nn.Module", inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]") -> Check:
    import torch

    from assay.torch_mode import evaluation_mode

    with evaluation_mode(module) as device:
        rows, wanted = (torch.from_numpy(part[:ROWS]).to(device) for part in (inputs, labels))
        _, _, gradient = Target(module).ascend(rows, lambda logits: cross_entropy(logits, wanted))
    dead = float((~(gradient.flatten(1).abs().sum(1) > 0)).float().mean())
    detail = f"of {len(rows)} rows, those without any gradient of the loss; at most {MOST_DEAD:.0%} allowed"
    return _check("gradients are alive", dead, MOST_DEAD, detail)


def _unbounded_wins(
    module: "torch.nn.Module", inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]", ball: Ball, seed: int
) -> Check:
    """With the whole box to move in every row must fall."""
    everything = Ball(ball.norm, 1.0 if ball.norm == "linf" else math.sqrt(inputs[0].size))
    left = run_suite(
        module, inputs[:ROWS], labels[:ROWS], everything, [Apgd("ce", 50), Apgd("dlr_targeted", 50, targets=3)], seed
    ).robust_accuracy
    detail = f"accuracy left on {min(ROWS, len(labels))} rows when inputs may be anything; at most {LEFT_UNBOUNDED:.0%}"
    return _check("an unbounded attack wins", left, LEFT_UNBOUNDED, detail)


def _longer_helps_no_more(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    ball: Ball,
    result: SuiteResult,
    seed: int,
) -> Check:
    """Rows that stand must stand against a climb three times as long, twice, too."""
    import numpy as np

    places = np.flatnonzero(result.robust)[:ROWS]
    if not len(places):
        return _check("more steps help no more", 0.0, MOST_BY_LONGER, "no row stands")
    longer = Apgd("dlr", LONGER * 100, restarts=2)
    more = 1 - run_suite(module, inputs[places], labels[places], ball, [longer], seed + 1).robust_accuracy
    detail = (
        f"of {len(places)} standing rows, those that {LONGER} times the steps still fell; at most {MOST_BY_LONGER:.0%}"
    )
    return _check("more steps help no more", more, MOST_BY_LONGER, detail)


def _answers_tell_no_more(result: SuiteResult) -> Check:
    """An attack that sees answers alone must not find much that gradients missed."""
    name = "answers tell no more than gradients"
    found = [one.fell for one in result.outcomes if one.name in BLACK_BOX]
    if not found:
        return Check(name, Verdict.NOT_CHECKED, "no attack of the suite asks for answers alone")
    share = max(found) / max(len(result.clean), 1)
    detail = f"rows that only the answers gave away, as a share of all; at most {MOST_BY_ANSWERS:.0%}"
    return _check(name, share, MOST_BY_ANSWERS, detail)


def _check(name: str, measured: float, most: float, detail: str) -> Check:
    verdict = Verdict.PASSED if measured <= most else Verdict.NOT_CHECKED
    return Check(name, verdict, detail, measured, most)
