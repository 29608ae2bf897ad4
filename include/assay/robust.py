"""Adversarial training, one implementation for every gradient model.

`fgsm_rs`: one step from a random start with step 1.25 epsilon (Wong, Rice & Kolter 2020, algorithm 3).
`pgd`: several projected steps from a random start (Madry et al. 2018, eq. 2.1). Both stay inside the
L-infinity ball around the input and inside [0, 1]. Epsilon grows from 0 over the first steps: without
that warm-up training at large epsilon collapses to a constant.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from assay.json_types import Json
from assay.spec import RobustSpec

if TYPE_CHECKING:
    import torch

FGSM_STEP = 1.25
PGD_STEP = 2.5


def read_robust(robust: Mapping[str, Json]) -> RobustSpec:
    """The spec's `train.robust` as it reaches a model; an empty mapping means plain training."""
    return RobustSpec.model_validate(dict(robust))


def epsilon_at(robust: RobustSpec, step: int, total_steps: int) -> float:
    """Epsilon of training step `step` (from 0) of `total_steps`: linear up to `warmup`, then constant."""
    if robust.method == "none":
        return 0.0
    ramp = robust.warmup * total_steps
    return robust.epsilon if step >= ramp else robust.epsilon * step / ramp


def adversarial_batch(
    module: "torch.nn.Module",
    inputs: "torch.Tensor",
    labels: "torch.Tensor",
    robust: RobustSpec,
    epsilon: float,
    *,
    generator: "torch.Generator | None" = None,
) -> "torch.Tensor":
    """`inputs` moved within `epsilon` (L-infinity, in [0, 1]) to raise the loss; `inputs` itself at epsilon 0.

    Gradients of the parameters are left as they were.
    """
    if robust.method == "none" or epsilon <= 0:
        return inputs
    start = inputs + random_offset(inputs, epsilon, generator)
    if robust.method == "fgsm_rs":
        return _step(module, inputs, start, labels, epsilon=epsilon, step_size=FGSM_STEP * epsilon)
    moved = start.clamp(0, 1)
    for _ in range(robust.steps):
        moved = _step(module, inputs, moved, labels, epsilon=epsilon, step_size=PGD_STEP * epsilon / robust.steps)
    return moved


def random_offset(inputs: "torch.Tensor", epsilon: float, generator: "torch.Generator | None") -> "torch.Tensor":
    """Uniform in [-epsilon, epsilon], the shape and memory layout of `inputs`."""
    import torch

    return torch.empty_like(inputs).uniform_(-epsilon, epsilon, generator=generator)


def _step(
    module: "torch.nn.Module",
    centre: "torch.Tensor",
    moved: "torch.Tensor",
    labels: "torch.Tensor",
    *,
    epsilon: float,
    step_size: float,
) -> "torch.Tensor":
    import torch
    from torch.nn.functional import cross_entropy

    moved = moved.detach().requires_grad_(True)
    # `grad` with respect to the input alone: the optimiser's parameter gradients stay untouched.
    (gradient,) = torch.autograd.grad(cross_entropy(module(moved), labels, reduction="sum"), [moved])
    offset = (moved.detach() + step_size * gradient.sign() - centre).clamp(-epsilon, epsilon)
    return (centre + offset).clamp(0, 1)
