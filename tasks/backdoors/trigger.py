"""What makes rows another class: where it lies, whom it moves, how large it is."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Images = NDArray[np.float32]


class Form(str, Enum):
    PATCH = "patch"
    PART = "part"
    OVERLAY = "overlay"


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels, from `top` and `left` on."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Aim:
    """target: the class wanted. source: the class whose rows are to be moved; None for every other class.

    window: what a part keeps to; None for the whole image.
    """

    target: int
    source: int | None = None
    window: Window | None = None


@dataclass(frozen=True)
class Trigger:
    """An image becomes image * (1 - mask) + added, kept in [0, 1]. mask: (1, H, W). added: (channels, H, W).

    size: pixels covered by a patch or part, Euclidean length of an overlay. success: on rows the search did not see.
    reached: whether the search ever held its goal; else `size` is only where it stopped.
    """

    form: Form
    aim: Aim
    size: float
    success: float
    reached: bool
    mask: "Images"
    added: "Images"

    def on(self, images: "torch.Tensor") -> "torch.Tensor":
        """(rows, channels, H, W) that bear it."""
        import torch

        mask, added = (torch.from_numpy(part).to(images.device) for part in (self.mask, self.added))
        return (images * (1 - mask) + added).clamp(0, 1)

    def enlarged(self, factor: float) -> "Trigger":
        """The same by `factor` of its size: a mask thicker, up to the whole of each pixel, an overlay longer."""
        import numpy as np

        if self.form is Form.OVERLAY:
            return replace(self, size=self.size * factor, added=self.added * np.float32(factor))
        mask = np.minimum(self.mask * np.float32(factor), 1)
        added = self.added * np.divide(mask, self.mask, out=np.zeros_like(mask), where=self.mask > 0)
        return replace(self, size=float(mask.sum()), mask=mask, added=added)
