"""Integrated gradients (Sundararajan, Taly & Yan 2017) from the mean row, as exact as asked and no more.

Each row starts with few points on its path; only rows whose attributions do not add up get more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.torch_mode import evaluation_mode
from tasks.explanation.explained import Explained
from tasks.explanation.score import centred_logits

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEPS = (8, 32, 128)
TOLERANCE = 0.02
_BATCH = 256


@dataclass(frozen=True)
class Path:
    """inputs, baseline: model space, (rows, …) and (…). targets: the class explained of each row."""

    inputs: "NDArray[np.float32]"
    baseline: "NDArray[np.float32]"
    targets: "NDArray[np.int64]"


def integrate_gradients(
    module: "torch.nn.Module", path: Path, steps: Sequence[int] = STEPS, tolerance: float = TOLERANCE
) -> Explained:
    """One value an input value, flattened. Rows off by more than `tolerance` of the mean total get the next `steps`."""
    import numpy as np

    flat = (len(path.inputs), int(np.prod(path.inputs.shape[1:])))
    with evaluation_mode(module) as device:
        start = _scores(module, np.repeat(path.baseline[None], len(path.inputs), axis=0), path.targets, device)
        total = _scores(module, path.inputs, path.targets, device) - start
        values, left = np.zeros(flat), np.arange(len(path.inputs))
        for points in steps:
            part = Path(path.inputs[left], path.baseline, path.targets[left])
            values[left] = _integrate(module, part, points, device)
            off = np.abs(values.sum(axis=1) - total)
            left = np.flatnonzero(~(off <= tolerance * np.abs(total).mean()))
            if not len(left):
                break

    def without(taken: "NDArray[np.bool_]") -> "Floats":
        kept = np.where(taken.reshape(path.inputs.shape), path.baseline, path.inputs)
        with evaluation_mode(module) as held:
            return _scores(module, kept, path.targets, held)

    return Explained(values, path.targets, np.ones(flat, dtype=bool), without, total)


def _integrate(module: "torch.nn.Module", path: Path, steps: int, device: "torch.device") -> "Floats":
    """Gauss-Legendre: `steps` points a row, many rows a batch."""
    import numpy as np
    import torch

    points, weights = np.polynomial.legendre.leggauss(steps)  # type: ignore[no-untyped-call]
    alphas = torch.tensor((points + 1) / 2, dtype=torch.float32, device=device)
    heavy = torch.tensor(weights / 2, dtype=torch.float32, device=device)
    rows, parts = max(1, _BATCH // steps), []
    baseline = torch.from_numpy(path.baseline).to(device)
    for first in range(0, len(path.inputs), rows):
        inputs = torch.from_numpy(path.inputs[first : first + rows]).to(device)
        targets = torch.from_numpy(path.targets[first : first + rows]).to(device).repeat_interleave(steps)
        away = inputs - baseline
        along = alphas.view(1, steps, *[1] * baseline.ndim)
        reached = (baseline + along * away[:, None]).flatten(0, 1).requires_grad_(True)
        (slopes,) = torch.autograd.grad(centred_logits(module(reached), targets).sum(), reached)
        mean = torch.einsum("rs...,s->r...", slopes.view(len(inputs), steps, *baseline.shape), heavy)
        parts.append((mean * away).flatten(1).double().cpu().numpy())
    return np.concatenate(parts)


def _scores(
    module: "torch.nn.Module", inputs: "NDArray[np.float32]", targets: "NDArray[np.int64]", device: "torch.device"
) -> "Floats":
    import numpy as np
    import torch

    parts = []
    with torch.inference_mode():
        for first in range(0, len(inputs), _BATCH):
            logits = module(torch.from_numpy(np.ascontiguousarray(inputs[first : first + _BATCH])).to(device))
            wanted = torch.from_numpy(targets[first : first + _BATCH]).to(device)
            parts.append(centred_logits(logits, wanted).double().cpu().numpy())
    return np.concatenate(parts)
