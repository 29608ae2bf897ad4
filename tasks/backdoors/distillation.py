"""A network of the same layers, taught from scratch by the old one's answers on sound rows (Hinton et al. 2015).

Answers hand a backdoor on even where no row bears a trigger, by what they leave to the planted class. That share is
struck out of the answers on rows of other classes. Every row is moved anew each time, so that few of them teach much.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from assay.torch_mode import evaluation_mode
from tasks.backdoors.twin import fresh_copy

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

STEPS, BATCH, PEAK_RATE = 3000, 64, 4e-3
_TURN, _SCALE, _SHIFT = 0.2, 0.12, 0.1  # radians, share of the size, share of a side


def distill(
    teacher: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    struck: Collection[int],
    seed: int,
) -> "torch.nn.Module":
    """inputs: sound rows (rows, channels, H, W) in [0, 1]. struck: classes that only rows of theirs may be called.

    Raises ValueError when the teacher has layers that cannot be started afresh.
    """
    import torch
    from torch.nn.functional import cross_entropy

    with torch.random.fork_rng(devices=[]), evaluation_mode(teacher) as device:
        torch.manual_seed(seed)
        pupil = fresh_copy(teacher)
        if pupil is None:
            raise ValueError("expected layers that can be started afresh, found others; bring the training rows")
        pupil.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # torch knows it
        rows, known = torch.from_numpy(inputs).to(device), torch.from_numpy(labels).to(device)
        optimiser = torch.optim.Adam(pupil.parameters())
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=STEPS)
        for _ in range(STEPS):
            chosen = torch.randint(len(known), (BATCH,)).to(device)
            shown = _moved(rows[chosen]).contiguous(memory_format=torch.channels_last)
            loss = cross_entropy(pupil(shown), _answers(teacher, shown, known[chosen], struck))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return pupil.eval()


def _answers(
    teacher: "torch.nn.Module", shown: "torch.Tensor", known: "torch.Tensor", struck: Collection[int]
) -> "torch.Tensor":
    """(rows, classes) probabilities; where nothing but a struck class is left, the label."""
    import torch
    from torch.nn.functional import one_hot

    with torch.no_grad():
        told: torch.Tensor = teacher(shown).softmax(1)
    for target in struck:
        told[known != target, target] = 0
    told = told + 1e-6 * one_hot(known, told.shape[1])
    return told / told.sum(1, keepdim=True)


def _moved(batch: "torch.Tensor") -> "torch.Tensor":
    """Each row turned, scaled and shifted a little, black where nothing was."""
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    turn, scale, down, aside = (2 * torch.rand(4, len(batch)) - 1).to(batch.device)
    size, angle = 1 + _SCALE * scale, _TURN * turn
    first = torch.stack([size * angle.cos(), -size * angle.sin(), 2 * _SHIFT * aside], dim=1)
    second = torch.stack([size * angle.sin(), size * angle.cos(), 2 * _SHIFT * down], dim=1)
    grid = affine_grid(torch.stack([first, second], dim=1), list(batch.shape), align_corners=False)
    moved: torch.Tensor = grid_sample(batch, grid, align_corners=False)
    return moved.clamp(0, 1)
