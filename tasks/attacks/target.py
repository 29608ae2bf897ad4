"""A model under attack, by its gradients and by its answers alone; every pass over a row is counted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from tasks.attacks.ball import Ball

    Objective = Callable[[torch.Tensor], torch.Tensor]
    Query = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass
class Target:
    """module: inputs in [0, 1] (rows, …) -> logits (rows, classes), in evaluation mode (`assay.torch_mode`).

    query: the same through the file that is served, where there is one: what a black-box attacker sees.
    forwards, backwards: rows passed so far, queries included.
    """

    module: "torch.nn.Module"
    query: "Query | None" = None
    forwards: int = field(default=0, init=False)
    backwards: int = field(default=0, init=False)

    def logits(self, batch: "torch.Tensor") -> "torch.Tensor":
        """(rows, classes), without gradients."""
        import torch

        self.forwards += len(batch)
        with torch.no_grad():
            logits: torch.Tensor = self.module(batch)
        return logits

    def ascend(
        self, batch: "torch.Tensor", objective: "Objective"
    ) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
        """Logits, the objective's values (rows,), and its gradient at `batch`; each row's value stands alone."""
        import torch

        self.forwards += len(batch)
        self.backwards += len(batch)
        batch = batch.detach().requires_grad_(True)
        logits = self.module(batch)
        values = objective(logits)
        (gradient,) = torch.autograd.grad(values.sum(), [batch])
        return logits.detach(), values.detach(), gradient

    def answers(self, batch: "torch.Tensor") -> "torch.Tensor":
        """(rows, classes) scores, as one gets them who may only ask."""
        import torch

        if self.query is None:
            return self.logits(batch)
        self.forwards += len(batch)
        return torch.from_numpy(self.query(batch.cpu().numpy())).to(batch.device)

    def scores(self, batch: "torch.Tensor") -> "torch.Tensor":
        """(rows, classes), without gradients, by what is quicker: the served file, or a device's own passes."""
        return self.answers(batch) if batch.device.type == "cpu" else self.logits(batch)


class Attack(Protocol):
    """One way to move rows inside the ball so that the model errs. batch: the rows a call should get."""

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int: ...

    def move(
        self,
        target: Target,
        rows: "torch.Tensor",
        labels: "torch.Tensor",
        ball: "Ball",
        generator: "torch.Generator",
    ) -> "torch.Tensor":
        """Rows as far as the attack got them, inside the ball; whether they fool the model is judged elsewhere."""
        ...
