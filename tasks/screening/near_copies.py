"""Near copies of rows, as carelessness or an attacker makes them: for the canaries of `NearDuplicates`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows

SMALLEST_SHIFTED = 16
MOST_WORDS = 3
FEWEST_WORDS = 10
DISTINCT = 0.1
MOSTLY = 0.5
TOO_ALIKE = "its numbers take so few values that sound rows are as near as copies"
LOOKED_AT = 4_000


def copy_images(
    images: "NDArray[np.float32]", shape: tuple[int, ...], generator: "np.random.Generator"
) -> "NDArray[np.float32]":
    """(rows, pixels): each with a little noise, less light, or, where a pixel is little, moved by one."""
    import numpy as np

    low, high = float(images.min()), float(images.max())
    kinds = 3 if len(shape) >= 2 and min(shape[:2]) >= SMALLEST_SHIFTED else 2
    copies = images.copy()
    for place, kind in enumerate(generator.integers(0, kinds, len(images)).tolist()):
        if kind == 0:
            copies[place] += (high - low) * generator.uniform(0.005, 0.02) * generator.normal(size=images.shape[1])
        elif kind == 1:
            copies[place] = low + (copies[place] - low) * generator.uniform(0.75, 0.95)
        else:
            step = int(generator.choice([-1, 1]))
            copies[place] = np.roll(copies[place].reshape(shape), step, int(generator.integers(2))).ravel()
    return np.clip(copies, low, high)


def copy_points(
    rows: "ScreenRows", donors: "NDArray[np.int64]", generator: "np.random.Generator"
) -> "NDArray[np.float32]":
    """(donors, columns): up to three numbers of each moved by at most a thousandth of their spread."""
    import numpy as np

    assert rows.features is not None  # noqa: S101 - the caller has asked
    copies = rows.features[donors]
    columns = telling_columns(rows)
    low, high = np.percentile(rows.features[:, columns], (25, 75), axis=0)
    spread = np.where(high > low, (high - low) / 1.349, rows.features[:, columns].std(axis=0, dtype=np.float64))
    for place in range(len(copies)):
        chosen = generator.permutation(len(columns))[: int(generator.integers(1, 4))]
        moved = spread[chosen] * generator.choice([-1, 1], len(chosen)) * 10 ** generator.uniform(-5, -3, len(chosen))
        copies[place, columns[chosen]] += moved.astype(np.float32)
    return copies


def telling_columns(rows: "ScreenRows") -> "NDArray[np.int64]":
    """Columns of numbers that take many values: in tables without one, sound rows differ as little as copies do."""
    import numpy as np

    if rows.features is None:
        return np.zeros(0, dtype=np.int64)
    part = rows.features[:LOOKED_AT, : rows.numbers]
    distinct = [len(np.unique(part[:, column])) for column in range(part.shape[1])]
    return np.flatnonzero(np.array(distinct) >= max(DISTINCT * len(part), 3))


def can_tell_copies(rows: "ScreenRows") -> bool:
    """Whether sound rows of a table are seldom as near as copies: not on one line, nor on a few parallel ones."""
    import numpy as np

    telling = telling_columns(rows)
    if rows.features is None or len(telling) != 1:
        return len(telling) > 1
    others = np.delete(rows.features[:LOOKED_AT], telling, axis=1)
    return others.shape[1] > 0 and len(np.unique(others, axis=0)) >= MOSTLY * len(others)


def copy_text(text: str, generator: "np.random.Generator") -> str:
    """One to three words replaced by others of the text, deleted or added; of a text of few words, one character."""
    words = text.split(" ")
    gap = " " if len(words) >= FEWEST_WORDS else ""
    parts = words if gap else list(text) or ["?"]
    for place in generator.choice(len(parts), int(generator.integers(1, MOST_WORDS + 1)) if gap else 1).tolist():
        other = parts[int(generator.integers(len(parts)))]
        parts[place] = (other, "", f"{parts[place]}{gap}{other}")[int(generator.integers(3))]
    return gap.join(parts)
