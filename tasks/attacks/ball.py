"""The geometry of a threat model: every input within epsilon of a row, by L-infinity or L2, inside the box [0, 1]."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Norm = Literal["linf", "l2"]
TINY = 1e-12


@dataclass(frozen=True)
class Ball:
    """epsilon: radius in model space, where inputs lie in [0, 1]. Tensors are (rows, …); lengths are (rows,)."""

    norm: Norm
    epsilon: float

    def inside(self, moved: "torch.Tensor", centre: "torch.Tensor") -> "torch.Tensor":
        """`moved`, brought back into the ball, then into the box."""
        offset = moved - centre
        if self.norm == "linf":
            return (centre + offset.clamp(-self.epsilon, self.epsilon)).clamp(0, 1)
        shrunk = (self.epsilon / (self.lengths(offset) + TINY)).clamp(max=1)
        return (centre + offset * spread(shrunk, offset)).clamp(0, 1)

    def start(self, centre: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
        """A random point on the ball's surface, where the box allows (Croce & Hein 2020a)."""
        import torch

        drawn = torch.empty_like(centre)
        drawn = (
            drawn.uniform_(-1, 1, generator=generator) if self.norm == "linf" else drawn.normal_(generator=generator)
        )
        return (centre + drawn * spread(self.epsilon / (self.lengths(drawn) + TINY), drawn)).clamp(0, 1)

    def steepest(self, gradient: "torch.Tensor") -> "torch.Tensor":
        """The direction of length 1 along which the loss rises most."""
        if self.norm == "linf":
            return gradient.sign()
        return gradient / spread(self.lengths(gradient) + TINY, gradient)

    def lengths(self, offset: "torch.Tensor") -> "torch.Tensor":
        """(rows,): how far each row was moved, in the ball's own norm."""
        flat = offset.flatten(1)
        return flat.abs().amax(1) if self.norm == "linf" else flat.norm(dim=1)

    def holds(self, moved: "torch.Tensor", centre: "torch.Tensor") -> "torch.Tensor":
        """(rows,): whether the row lies in ball and box, but for rounding. NaN lies nowhere."""
        boxed = ((moved >= -ROUNDING) & (moved <= 1 + ROUNDING)).flatten(1).all(1)
        return boxed & (self.lengths(moved - centre) <= self.epsilon * (1 + ROUNDING) + ROUNDING)


ROUNDING = 1e-5


def spread(per_row: "torch.Tensor", like: "torch.Tensor") -> "torch.Tensor":
    """(rows,) -> (rows, 1, …), to be multiplied with tensors like `like`."""
    return per_row.view(-1, *[1] * (like.ndim - 1))
