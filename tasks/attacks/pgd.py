"""Worst case of several projected-gradient attacks in the L-infinity ball (Madry et al. 2018, eq. 2.1).

A row counts as robust only if no iterate of any restart was misclassified; rows that fell are not attacked
again. Restarts alternate between the cross-entropy and the margin loss (Carlini & Wagner 2017), because a
model can flatten the first without becoming robust.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

Loss = Literal["cross_entropy", "margin"]


@dataclass(frozen=True)
class Pgd:
    """epsilon: radius in model space. step_size: None for 2.5 epsilon / steps (Madry et al. 2018).

    batch: rows a pass; 64 keeps a small CNN's activations in cache. losses: one a restart, in turn.
    """

    epsilon: float
    steps: int = 40
    restarts: int = 5
    step_size: float | None = None
    batch: int = 64
    seed: int = 0
    losses: tuple[Loss, ...] = ("cross_entropy", "margin")

    @property
    def step(self) -> float:
        """Length of one step in model space."""
        return self.step_size if self.step_size is not None else 2.5 * self.epsilon / self.steps


@dataclass(frozen=True)
class AttackResult:
    """clean/robust: which rows are classified right before, and after every attack.

    adversarial: model space, one row each: the input that fooled the model, else the last one tried.
    loss_before, loss_after: mean cross-entropy on the attacked rows and on the first restart's last iterates.
    """

    clean: "NDArray[np.bool_]"
    robust: "NDArray[np.bool_]"
    adversarial: "NDArray[np.float32]"
    loss_before: float
    loss_after: float
    forward_passes: int
    backward_passes: int

    @property
    def robust_accuracy(self) -> float:
        """Share of all rows that are right and stay right."""
        return float(self.robust.mean())


def attack_pgd(
    module: "torch.nn.Module", inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]", attack: Pgd
) -> AttackResult:
    """Attack model-space `inputs` in [0, 1]; `module` maps them to logits and comes back as it was."""
    import numpy as np
    import torch

    from assay.torch_mode import evaluation_mode

    parts = []
    with evaluation_mode(module) as device:
        generator = torch.Generator(device=device).manual_seed(attack.seed)
        for start in range(0, len(labels), attack.batch):
            rows = slice(start, start + attack.batch)
            data = torch.from_numpy(np.ascontiguousarray(inputs[rows], np.float32)).to(device)
            wanted = torch.from_numpy(np.ascontiguousarray(labels[rows], np.int64)).to(device)
            parts.append(_Batch(module, _fast_layout(data), wanted, attack, generator).run())
    return join_results(parts)


class _Batch:
    """One batch under attack: what stands, what fell, and how many row passes that took."""

    def __init__(
        self,
        module: "torch.nn.Module",
        data: "torch.Tensor",
        labels: "torch.Tensor",
        attack: Pgd,
        generator: "torch.Generator",
    ) -> None:
        self.module, self.data, self.labels, self.attack, self.generator = module, data, labels, attack, generator
        self.worst = data.clone()
        self.forwards = self.backwards = 0
        self.loss_after = 0.0

    def run(self) -> AttackResult:
        import torch
        from torch.nn.functional import cross_entropy

        with torch.no_grad():
            logits = self._logits(self.data)
            before = float(cross_entropy(logits, self.labels, reduction="sum"))
        clean = logits.argmax(1) == self.labels
        self.standing = clean.clone()
        for restart in range(self.attack.restarts):
            rows = self.standing.nonzero().squeeze(1)
            if not len(rows):
                break
            self._restart(rows, self.attack.losses[restart % len(self.attack.losses)], measure=restart == 0)
        return AttackResult(
            clean=clean.cpu().numpy(),
            robust=self.standing.cpu().numpy(),
            adversarial=self.worst.cpu().contiguous().numpy(),
            # Rows that were wrong before the attack are not attacked: their loss counts as unchanged.
            loss_before=before / len(self.labels),
            loss_after=self._mean_loss(before, clean, logits),
            forward_passes=self.forwards,
            backward_passes=self.backwards,
        )

    def _restart(self, rows: "torch.Tensor", loss: Loss, *, measure: bool) -> None:
        """Climb `loss` from a random start on `rows`; whatever falls on the way leaves the climb."""
        import torch
        from torch.nn.functional import cross_entropy

        from assay.robust import random_offset

        attack, centre, labels = self.attack, self.data[rows], self.labels[rows]
        moved = (centre + random_offset(centre, attack.epsilon, self.generator)).clamp(0, 1)
        for step in range(attack.steps + 1):
            moved.requires_grad_(step < attack.steps)
            logits = self._logits(moved)
            upright = logits.argmax(1) == labels
            self.worst[rows] = moved.detach()
            if measure:
                last = step == attack.steps
                after = cross_entropy(logits.detach(), labels, reduction="none")
                self.loss_after += float(after.sum() if last else after[~upright].sum())
            if not upright.all():
                self.standing[rows[~upright]] = False
            if step == attack.steps or not upright.any():
                return
            (gradient,) = torch.autograd.grad(_objective(logits, labels, loss), [moved])
            self.backwards += len(labels)
            climbed = moved.detach() + attack.step * gradient.sign()
            if not upright.all():
                rows, centre, labels, climbed = rows[upright], centre[upright], labels[upright], climbed[upright]
            moved = (centre + (climbed - centre).clamp(-attack.epsilon, attack.epsilon)).clamp(0, 1)

    def _mean_loss(self, before: float, clean: "torch.Tensor", logits: "torch.Tensor") -> float:
        from torch.nn.functional import cross_entropy

        if not self.attack.restarts:
            return before / len(self.labels)
        unattacked = float(cross_entropy(logits[~clean], self.labels[~clean], reduction="sum"))
        return (self.loss_after + unattacked) / len(self.labels)

    def _logits(self, batch: "torch.Tensor") -> "torch.Tensor":
        import torch

        self.forwards += len(batch)
        logits: torch.Tensor = self.module(batch)
        return logits


def _objective(logits: "torch.Tensor", labels: "torch.Tensor", loss: Loss) -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    if loss == "cross_entropy":
        return cross_entropy(logits, labels, reduction="sum")
    right = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    others = logits.scatter(1, labels.unsqueeze(1), float("-inf")).amax(1)
    return (others - right).sum()


def _fast_layout(data: "torch.Tensor") -> "torch.Tensor":
    """Channels last: convolutions on images run about twice as fast on a CPU that way."""
    import torch

    return data.contiguous(memory_format=torch.channels_last) if data.ndim == 4 else data


def join_results(parts: Sequence[AttackResult]) -> AttackResult:
    """The same attack on several sets of rows, as if on one."""
    import numpy as np

    rows = [len(part.clean) for part in parts]
    return AttackResult(
        clean=np.concatenate([part.clean for part in parts]),
        robust=np.concatenate([part.robust for part in parts]),
        adversarial=np.concatenate([part.adversarial for part in parts]),
        loss_before=float(np.average([part.loss_before for part in parts], weights=rows)),
        loss_after=float(np.average([part.loss_after for part in parts], weights=rows)),
        forward_passes=sum(part.forward_passes for part in parts),
        backward_passes=sum(part.backward_passes for part in parts),
    )
