"""Facts about images: a coarse map of what the answers rest on, the strongest regions, and the share of the border."""

from typing import TYPE_CHECKING

from assay.json_types import Json
from tasks.explanation.explained import Explained, shares
from tasks.explanation.shapley import Parts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FINEST, _COARSEST, _REGIONS, _TOP, _MOST_CLASSES = 28, 7, 4, 3, 20


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether a row has height and width, or these and channels."""
    return len(shape) in (2, 3)


def picture_axes(shape: tuple[int, ...]) -> tuple[int, int]:
    """Which axes of a picture are height and width; channels in front are four at most."""
    return (1, 2) if len(shape) == 3 and shape[0] <= 4 else (0, 1)


def grid_parts(shape: tuple[int, ...], cells: int = _COARSEST) -> Parts:
    """A row's values by cells of a grid of at most `cells` a side, channels together."""
    import numpy as np

    axes = picture_axes(shape)
    tall, wide = (shape[at] for at in axes)
    down, across = (np.arange(size) * min(cells, size) // size for size in (tall, wide))
    grid = down[:, None] * min(cells, wide) + across[None, :]
    spread = [size if at in axes else 1 for at, size in enumerate(shape)]
    return Parts(np.broadcast_to(grid.reshape(spread), shape).reshape(-1).astype(np.int64))


def pixel_values(values: "Floats", shape: tuple[int, ...]) -> "Floats":
    """(rows, height, width): channels summed. values: (rows, all values of a row of `shape`)."""
    import numpy as np

    axes = picture_axes(shape)
    others = tuple(at + 1 for at in range(len(shape)) if at not in axes)
    return np.asarray(values.reshape(-1, *shape).sum(axis=others))


def picture_facts(explained: Explained, pictures: "Floats") -> dict[str, Json]:
    """pictures: (rows, height, width), signed. map: shares of 1, at most 28 by 28; by_class: at most 7 by 7."""
    import numpy as np

    height, width = pictures.shape[1:]
    whole = shares(pictures.reshape(len(pictures), -1)).reshape(height, width)
    by_class: dict[str, Json] = {}
    for one in np.unique(explained.targets)[:_MOST_CLASSES]:
        own = shares(pictures[explained.targets == one].reshape(-1, height * width)).reshape(height, width)
        by_class[str(int(one))] = _rounded(_coarse(own, _COARSEST))
    return {
        "map": _rounded(_coarse(whole, _FINEST)),
        "regions": _regions(whole),
        "border": round(float(whole.sum() - whole[1:-1, 1:-1].sum()), 4),
        "by_class": by_class,
    }


def _coarse(shares_of: "Floats", cells: int) -> "Floats":
    """Summed into a grid of at most `cells` a side."""
    import numpy as np

    tall, wide = (min(cells, size) for size in shares_of.shape)
    number = grid_parts(shares_of.shape, cells).number
    return np.asarray(np.bincount(number, shares_of.reshape(-1), tall * wide).reshape(tall, wide), dtype=np.float64)


def _regions(whole: "Floats") -> list[Json]:
    """The strongest of a grid of four by four."""
    import numpy as np

    number = grid_parts(whole.shape, _REGIONS).number.reshape(whole.shape)
    weight = np.bincount(number.reshape(-1), whole.reshape(-1))
    found: list[Json] = []
    for at in np.argsort(-weight, kind="stable")[:_TOP]:
        rows, columns = np.nonzero(number == at)
        found.append(
            {
                "rows": [int(rows.min()), int(rows.max())],
                "columns": [int(columns.min()), int(columns.max())],
                "share": round(float(weight[at]), 4),
            }
        )
    return found


def _rounded(shares_of: "Floats") -> list[Json]:
    return [[round(float(value), 4) for value in row] for row in shares_of]
