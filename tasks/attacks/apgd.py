"""Auto-PGD: projected gradient ascent with momentum whose step length follows the loss (Croce & Hein 2020a, alg. 1).

At checkpoints, ever closer, the step is halved and the best point taken up again for rows whose loss rose in fewer than
three steps of four, or whose best point has not moved since the last checkpoint. Rows that have fallen leave the climb.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

from tasks.attacks.ball import Ball, spread
from tasks.attacks.losses import cross_entropy, likeliest_others, logits_ratio, targeted_ratio
from tasks.attacks.target import Target

if TYPE_CHECKING:
    import torch

    Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

MOMENTUM = 0.75
LONGEST_STEP = 2.0
ENOUGH_RISES = 0.75
FIRST_CHECK, CHECKS_CLOSER, CLOSEST = 0.22, 0.03, 0.06
WORTH_LEAVING = 0.75


@dataclass(frozen=True)
class Apgd:
    """loss: "ce", "dlr", or "dlr_targeted", which climbs towards each of the `targets` likeliest other classes in turn.

    batch: 64 keeps a small network's activations in a processor's cache; devices want more.
    """

    loss: Literal["ce", "dlr", "dlr_targeted"]
    steps: int = 100
    restarts: int = 1
    targets: int = 9
    batch: int = 64

    @property
    def name(self) -> str:
        """As in the AutoAttack protocol."""
        return {"ce": "apgd-ce", "dlr": "apgd-dlr", "dlr_targeted": "apgd-t"}[self.loss]

    def move(
        self,
        target: Target,
        rows: "torch.Tensor",
        labels: "torch.Tensor",
        ball: Ball,
        generator: "torch.Generator",
    ) -> "torch.Tensor":
        """One climb a restart and target class, each on the rows that still stand."""
        import torch

        moved, standing = rows.clone(), torch.arange(len(rows), device=rows.device)
        wanted = likeliest_others(target.logits(rows), labels, self.targets if self.loss == "dlr_targeted" else 1)
        for _ in range(self.restarts):
            for place in range(wanted.shape[1]):
                if not len(standing):
                    return moved
                towards = wanted[standing, place]
                reached, fell = climb(
                    target, rows[standing], labels[standing], towards, ball, _LOSSES[self.loss], self.steps, generator
                )
                moved[standing] = reached
                standing = standing[~fell]
        return moved


@dataclass(frozen=True)
class _Climbers:
    """The rows still climbing; every field is (rows, …).

    place: in the batch. moved, before: this step's point and the one before. top…: the point of the highest loss.
    length: of a step. rises: steps since the checkpoint in which the loss rose. held: whether it was halved there.
    """

    place: "torch.Tensor"
    centre: "torch.Tensor"
    labels: "torch.Tensor"
    wanted: "torch.Tensor"
    moved: "torch.Tensor"
    before: "torch.Tensor"
    gradient: "torch.Tensor"
    loss: "torch.Tensor"
    top: "torch.Tensor"
    top_gradient: "torch.Tensor"
    top_loss: "torch.Tensor"
    checked_loss: "torch.Tensor"
    length: "torch.Tensor"
    rises: "torch.Tensor"
    held: "torch.Tensor"

    def only(self, mask: "torch.Tensor") -> "_Climbers":
        return _Climbers(*(getattr(self, one.name)[mask] for one in fields(self)))


def climb(
    target: Target,
    rows: "torch.Tensor",
    labels: "torch.Tensor",
    wanted: "torch.Tensor",
    ball: Ball,
    loss: "Loss",
    steps: int,
    generator: "torch.Generator",
) -> "tuple[torch.Tensor, torch.Tensor]":
    """The points reached, and which of them (rows,) fooled the model. wanted: (rows,) classes, for targeted losses."""
    import torch

    reached, fell = rows.clone(), torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    start = ball.start(rows, generator)
    logits, values, gradient = target.ascend(start, lambda found: loss(found, labels, wanted))
    zeros = torch.zeros_like(values)
    now = _Climbers(
        place=torch.arange(len(rows), device=rows.device), centre=rows, labels=labels, wanted=wanted,
        moved=start, before=start, gradient=gradient, loss=values,
        top=start, top_gradient=gradient, top_loss=values, checked_loss=values,
        length=torch.full_like(values, LONGEST_STEP * ball.epsilon), rises=zeros, held=torch.ones_like(fell),
    )  # fmt: skip
    window, since, standing = _first_window(steps), 0, _note(now, logits, reached, fell)
    for step in range(steps):
        if standing.float().mean() < WORTH_LEAVING:
            now = now.only(standing)
        if not len(now.place):
            break
        now, logits = _step(target, now, ball, loss, MOMENTUM if step else 1.0)
        standing = _note(now, logits, reached, fell)
        since += 1
        if since == window:
            now = _checked(now, window)
            window, since = max(window - max(int(CHECKS_CLOSER * steps), 1), int(CLOSEST * steps), 1), 0
    return reached, fell


def _first_window(steps: int) -> int:
    return max(int(FIRST_CHECK * steps), 1)


def _step(
    target: Target, now: _Climbers, ball: Ball, loss: "Loss", momentum: float
) -> "tuple[_Climbers, torch.Tensor]":
    """One step along the gradient, blended with the step before."""
    uphill = ball.inside(now.moved + spread(now.length, now.moved) * ball.steepest(now.gradient), now.centre)
    blended = now.moved + momentum * (uphill - now.moved) + (1 - momentum) * (now.moved - now.before)
    moved = ball.inside(blended, now.centre)
    logits, values, gradient = target.ascend(moved, lambda found: loss(found, now.labels, now.wanted))
    higher = values > now.top_loss
    return replace(
        now, moved=moved, before=now.moved, gradient=gradient, loss=values, rises=now.rises + (values > now.loss),
        top=_chosen(higher, moved, now.top), top_gradient=_chosen(higher, gradient, now.top_gradient),
        top_loss=values.maximum(now.top_loss),
    ), logits  # fmt: skip


def _checked(now: _Climbers, window: int) -> _Climbers:
    """Halve the step of rows that wander or stand still, and put them back on their best point."""
    import torch

    halved = (now.rises <= ENOUGH_RISES * window) | (~now.held & (now.checked_loss >= now.top_loss))
    return replace(
        now, held=halved, checked_loss=now.top_loss, rises=torch.zeros_like(now.rises),
        length=torch.where(halved, now.length / 2, now.length),
        moved=_chosen(halved, now.top, now.moved), gradient=_chosen(halved, now.top_gradient, now.gradient),
    )  # fmt: skip


def _note(now: _Climbers, logits: "torch.Tensor", reached: "torch.Tensor", fell: "torch.Tensor") -> "torch.Tensor":
    """Write down where the rows are, those that fell for good; which of `now` still stand."""
    standing = (logits.argmax(1) == now.labels) & ~fell[now.place]
    fresh = ~fell[now.place]
    reached[now.place[fresh]] = now.moved[fresh]
    fell[now.place[~standing]] = True
    return standing


def _chosen(mask: "torch.Tensor", yes: "torch.Tensor", no: "torch.Tensor") -> "torch.Tensor":
    import torch

    return torch.where(spread(mask, yes), yes, no)


_LOSSES: "dict[str, Loss]" = {
    "ce": lambda logits, labels, _: cross_entropy(logits, labels),
    "dlr": lambda logits, labels, _: logits_ratio(logits, labels),
    "dlr_targeted": targeted_ratio,
}
