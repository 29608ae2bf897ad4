"""What an attacker may move: rows of a dataset in [0, 1], and the way from there to what the model takes.

Epsilon is a share of the whole range: from black to white, or from a column's lowest to its highest value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import SpecError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows

    Floats = NDArray[np.float32]
    Query = Callable[[Floats], Floats]

WHITE = 255.0
# What black and white usually are to a model, tried in turn.
USUAL_RANGES = ((0.0, 1.0), (0.0, WHITE), (-1.0, 1.0))


@dataclass(frozen=True)
class InputSpace:
    """low, span: of what the model takes, a number or one a column: low + span * x. shape: of one of its rows.

    channels_last: whether it takes (height, width, channels), flat or not, where attacks see channels first.
    """

    low: "NDArray[np.float32]"
    span: "NDArray[np.float32]"
    shape: tuple[int, ...]
    channels_last: bool

    def module(self, model: "torch.nn.Module") -> "torch.nn.Module":
        """`model` for rows in [0, 1]; gradients flow through."""
        import torch

        space = self

        class Scaled(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.model = model
                self.low = torch.nn.Buffer(torch.from_numpy(space.low))
                self.span = torch.nn.Buffer(torch.from_numpy(space.span))

            def forward(self, rows: torch.Tensor) -> torch.Tensor:
                raw = self.low + self.span * rows
                raw = raw.permute(0, 2, 3, 1) if space.channels_last else raw
                logits: torch.Tensor = self.model(raw.reshape(-1, *space.shape))
                return logits

        return Scaled().eval()

    def query(self, query: "Query") -> "Query":
        """The same for the served file."""
        import numpy as np

        def asked(rows: "Floats") -> "Floats":
            raw = self.low + self.span * rows
            raw = raw.transpose(0, 2, 3, 1) if self.channels_last else raw
            return query(np.ascontiguousarray(raw.reshape(-1, *self.shape), dtype=np.float32))

        return asked


def movable_rows(rows: "ScreenRows") -> "Floats":
    """(rows, channels, height, width) of images, (rows, columns) of tables, in [0, 1].

    Raises SpecError for texts, for words in a table, and for pixels of no usual range.
    """
    import numpy as np

    if rows.features is None or rows.texts is not None or rows.words is not None:
        raise SpecError(
            "expected images or columns of numbers, found text: gradients cannot move words; "
            "encode words as numbers, as the model takes them"
        )
    features = np.asarray(rows.features, dtype=np.float32)
    if len(rows.shape) < 2:
        low, high = features.min(axis=0), features.max(axis=0)
        return np.asarray((features - low) / np.where(high > low, high - low, 1), dtype=np.float32)
    low, high = float(features.min()), float(features.max())
    if low < 0 or high > WHITE:
        raise SpecError(f"expected pixels from 0 to 1 or 0 to 255, found {low:g} to {high:g}; write them so")
    height, width, channels = (*rows.shape, 1)[:3]
    images = (features / (WHITE if high > 1 else 1)).reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images, dtype=np.float32)


def fitting_spaces(rows: "ScreenRows", shape: tuple[int, ...], given: tuple[float, float] | None) -> list[InputSpace]:
    """The ways rows may become the model's input, of `shape`; `given`: what black and white are to it, if known.

    Raises SpecError when rows and model do not fit.
    """
    import numpy as np

    if len(rows.shape) < 2:
        features = np.asarray(rows.features, dtype=np.float32)
        if shape != features.shape[1:]:
            raise SpecError(f"the model takes rows of shape {shape}, the dataset has {features.shape[1]} columns")
        low = features.min(axis=0)
        return [InputSpace(low, features.max(axis=0) - low, shape, channels_last=False)]
    height, width, channels = (*rows.shape, 1)[:3]
    channels_last = shape in ((height, width, channels), (height * width * channels,)) and channels > 1
    fits = channels_last or shape in (
        (channels, height, width), *(((height, width), (height, width, 1), (height * width,)) if channels == 1 else ())
    )  # fmt: skip
    if not fits:
        raise SpecError(
            f"the model takes rows of shape {shape}, the dataset has images of {height}×{width}"
            + (f"×{channels}" if channels > 1 else "")
        )
    return [
        InputSpace(np.array([low], np.float32), np.array([high - low], np.float32), shape, channels_last)
        for low, high in ([given] if given else USUAL_RANGES)
    ]
