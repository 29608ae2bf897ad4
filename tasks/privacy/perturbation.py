"""Rows a little changed, as an attacker may send them: noise on numbers and pixels, words left out of texts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MEASURED = 1000


@dataclass(frozen=True)
class Perturbation:
    """What noise means for one set of rows: spread, low and high by column (of images: over all pixels)."""

    spread: "NDArray[np.float64]"
    low: "NDArray[np.float64]"
    high: "NDArray[np.float64]"

    def apply(self, inputs: "NDArray[Any]", strength: float, generator: "np.random.Generator") -> "NDArray[Any]":
        """strength: of the noise, in spreads; of texts the share of words left out. Keeps shape, type and range."""
        import numpy as np

        if is_text(inputs):
            return _without_words(inputs, strength, generator)
        moved = inputs + strength * self.spread * generator.standard_normal(inputs.shape)
        kept = np.clip(moved, self.low, self.high)
        return np.asarray(kept if inputs.dtype.kind == "f" else np.rint(kept), dtype=inputs.dtype)


def measure_noise(inputs: "NDArray[Any]") -> Perturbation:
    """The noise that fits `inputs`, by about a thousand: a table's (rows, columns), images' (rows, …), or texts."""
    import numpy as np

    if is_text(inputs):
        return Perturbation(np.zeros(0), np.zeros(0), np.zeros(0))
    axis = 0 if inputs.ndim == 2 else None
    numbers = inputs[:: -(-len(inputs) // _MEASURED)].astype(np.float64)
    spread, low, high = (np.asarray(of(numbers, axis=axis)) for of in (np.nanstd, np.nanmin, np.nanmax))
    return Perturbation(spread, low, high)


def is_text(inputs: "NDArray[Any]") -> bool:
    """Whether rows are strings."""
    return inputs.dtype.kind in "OUS"


def _without_words(inputs: "NDArray[Any]", share: float, generator: "np.random.Generator") -> "NDArray[Any]":
    import numpy as np

    changed = np.empty(inputs.size, dtype=object)
    for at, text in enumerate(inputs.reshape(-1)):
        words = str(text).split()
        kept = generator.random(len(words)) >= share
        changed[at] = " ".join(word for word, stays in zip(words, kept, strict=True) if stays)
    return changed.reshape(inputs.shape)
