"""Rows as points: at most 50 principal components, and what of a row they leave out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.screening.rows import ScreenRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMPONENTS = 50
FARTHEST = 100.0
LOOKED_AT = 4_000


@dataclass(frozen=True)
class Space:
    """points: (rows, components) float32. left_out: (rows,) squared distance to the components' plane, or None.
    columns_left_out: how many directions that distance is over."""

    points: "NDArray[np.float32]"
    left_out: "NDArray[np.float32] | None"
    columns_left_out: int = 0


def project(rows: ScreenRows, seed: int) -> Space | None:
    """The rows' points; None when a row has no numbers and no text."""
    import numpy as np

    if rows.texts is not None:
        return Space(_scaled(_text_style(rows.texts), "tabular"), None)
    if rows.features is None:
        return None
    from sklearn.decomposition import PCA

    scaled = _scaled(rows.features, rows.kind)
    count = min(COMPONENTS, *scaled.shape)
    pca = PCA(count, svd_solver="randomized" if count < scaled.shape[1] else "full", iterated_power=3,
              random_state=seed)  # fmt: skip
    points = pca.fit_transform(scaled).astype(np.float32)
    if count == scaled.shape[1]:
        return Space(points, None)
    centred = scaled - pca.mean_
    left_out = np.einsum("ij,ij->i", centred, centred) - np.einsum("ij,ij->i", points, points)
    return Space(points, np.maximum(left_out, 0).astype(np.float32), scaled.shape[1] - count)


def _scaled(matrix: "NDArray[np.float32]", kind: str) -> "NDArray[np.float32]":
    """Pixels share one scale; a table's columns have each their own, from quartiles, which few bad rows cannot move."""
    import numpy as np

    if kind == "image":
        return np.asarray((matrix - matrix.mean(axis=0)) / max(float(matrix.std()), 1e-12))
    low, middle, high = np.percentile(matrix, (25, 50, 75), axis=0)
    spread = np.where(high > low, (high - low) / 1.349, matrix.std(axis=0, dtype=np.float64))
    scaled = (matrix - middle) / np.where(spread > 0, spread, 1.0)
    return np.asarray(np.clip(scaled, -FARTHEST, FARTHEST), dtype=np.float32)


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
