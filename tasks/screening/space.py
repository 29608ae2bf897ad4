"""Rows as points: at most 50 principal components, and what of a row they leave out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.screening.rows import ScreenRows
from tasks.screening.table_classifier import few_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

COMPONENTS = 50
FARTHEST = 100.0
LOOKED_AT = 4_000
FITTED_ON = 40_000
BATCH = 20_000


@dataclass(frozen=True)
class Space:
    """points: (rows, components) float32. left_out: (rows,) squared distance to the components' plane, or None.
    columns_left_out: how many directions that distance is over."""

    points: "NDArray[np.float32]"
    left_out: "NDArray[np.float32] | None"
    columns_left_out: int = 0


def project(rows: ScreenRows, seed: int) -> Space | None:
    """The rows' points; None when a row has no numbers and no text. Scales and components are those of 40,000 rows."""
    import numpy as np

    if rows.texts is not None:
        style = _text_style(rows.texts)
        return Space(_scale(style, "tabular")(style), None)
    if rows.features is None:
        return None
    from sklearn.decomposition import PCA

    few = few_of(np.arange(len(rows)), FITTED_ON, seed)
    known = rows.features if len(few) == len(rows) else rows.features[few]
    scaled = _scale(known, rows.kind)
    count = min(COMPONENTS, *known.shape)
    pca = PCA(count, svd_solver="randomized" if count < known.shape[1] else "full", iterated_power=3,
              random_state=seed).fit(scaled(known))  # fmt: skip
    columns_left_out = known.shape[1] - count
    points = np.empty((len(rows), count), dtype=np.float32)
    left_out = np.empty(len(rows), dtype=np.float32) if columns_left_out else None
    for start in range(0, len(rows), BATCH):
        part = slice(start, start + BATCH)
        centred = scaled(rows.features[part]) - pca.mean_
        points[part] = centred @ pca.components_.T
        if left_out is not None:
            within = np.einsum("ij,ij->i", points[part], points[part])
            left_out[part] = np.maximum(np.einsum("ij,ij->i", centred, centred) - within, 0)
    return Space(points, left_out, columns_left_out)


def _scale(known: "Matrix", kind: str) -> "Callable[[Matrix], Matrix]":
    """Pixels share one scale; a table's columns have each their own, from quartiles, which few bad rows cannot move."""
    import numpy as np

    if kind == "image":
        middle, spread = known.mean(axis=0), np.float32(max(float(known.std()), 1e-12))
        return lambda matrix: np.asarray((matrix - middle) / spread)
    low, middle, high = np.percentile(known, (25, 50, 75), axis=0)
    wide = np.where(high > low, (high - low) / 1.349, known.std(axis=0, dtype=np.float64))
    middle, wide = middle.astype(np.float32), np.where(wide > 0, wide, 1.0).astype(np.float32)

    def scaled(matrix: "Matrix") -> "Matrix":
        return np.asarray(np.clip((matrix - middle) / wide, -FARTHEST, FARTHEST), dtype=np.float32)

    return scaled


def _text_style(texts: tuple[str, ...]) -> "NDArray[np.float32]":
    """How a text is written, not what it says: length, kinds of characters, word length, words nobody else uses."""
    import collections

    import numpy as np

    seen = collections.Counter(word for text in texts for word in set(text.lower().split()))
    surprise = _surprise(texts)
    style = []
    for text, bits in zip(texts, surprise, strict=True):
        words, length = text.lower().split(), max(len(text), 1)
        style.append(
            [
                np.log1p(len(text)),
                sum(map(str.isalpha, text)) / length,
                sum(map(str.isdigit, text)) / length,
                sum(map(str.isspace, text)) / length,
                np.log1p(length / max(len(words), 1)),
                sum(seen[word] == 1 for word in words) / max(len(words), 1),
                bits,
            ]
        )
    return np.array(style, dtype=np.float32).reshape(len(texts), -1)


def _surprise(texts: tuple[str, ...]) -> list[float]:
    """Bits a byte under the pairs of bytes that follow each other in all texts: what nobody else writes is dear."""
    import numpy as np

    pairs = []
    for text in texts:
        code = np.frombuffer(text[:LOOKED_AT].encode("utf-8", "replace"), np.uint8).astype(np.int64)
        pairs.append(code[:-1] * 256 + code[1:])
    counts = np.bincount(np.concatenate([np.zeros(0, np.int64), *pairs]), minlength=1 << 16).reshape(256, 256) + 0.1
    bits = -np.log2(counts / counts.sum(axis=1, keepdims=True)).ravel()
    return [float(bits[pair].mean()) if len(pair) else 0.0 for pair in pairs]
