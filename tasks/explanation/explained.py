"""What explaining gives: for some rows, how much each part of a row raises the score of the class it got."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    # Which parts of each row are taken away, (rows, parts) -> the score that is left, (rows,).
    Without = Callable[[NDArray[np.bool_]], Floats]


@dataclass(frozen=True)
class Explained:
    """values: (rows, parts), signed. targets: (rows,) the class each row got. present: whether a row has the part.

    total: (rows,) what a row's values must add up to; None where a method promises no sum.
    """

    values: "Floats"
    targets: "NDArray[np.int64]"
    present: "NDArray[np.bool_]"
    without: "Without"
    total: "Floats | None" = None

    @property
    def importance(self) -> "Floats":
        """(parts,): mean size over rows, as shares of 1; all 0 when nothing matters."""
        return shares(self.values)


def shares(values: "Floats") -> "Floats":
    """(parts,): mean absolute value over rows, normed to sum 1."""
    import numpy as np

    sizes = np.abs(values).mean(axis=0) if len(values) else np.zeros(values.shape[1])
    return np.asarray(sizes / max(float(sizes.sum()), 1e-300))
