"""Raw inputs of any kind as a float matrix whose columns mean something to a reader."""

import re
import zlib

import numpy as np
from numpy.typing import NDArray

_TOKEN = re.compile(r"[a-z]{2,}")
_BUCKETS = 64


def drift_features(inputs: NDArray[np.generic], limit: int = 256) -> tuple[NDArray[np.float32], list[str]]:
    """(rows, d) float32 and the d column names.

    Numbers are flattened; above `limit` columns, neighbours are averaged into `limit` blocks. Text
    becomes its length and the shares of `64` hashed words (feature hashing, Weinberger et al. 2009).
    """
    if inputs.dtype == object or inputs.dtype.kind in "US":
        return _text_features(inputs)
    flat = inputs.reshape(len(inputs), -1).astype(np.float32)
    if flat.shape[1] <= limit:
        return flat, [f"input[{column}]" for column in range(flat.shape[1])]
    edges = np.linspace(0, flat.shape[1], limit + 1).astype(int)[:-1]
    widths = np.diff(np.append(edges, flat.shape[1]))
    return np.add.reduceat(flat, edges, axis=1) / widths, [f"input[{start}…]" for start in edges]


def _text_features(texts: NDArray[np.generic]) -> tuple[NDArray[np.float32], list[str]]:
    matrix = np.zeros((len(texts), _BUCKETS + 1), dtype=np.float32)
    for row, text in enumerate(texts.reshape(-1)):
        words = _TOKEN.findall(str(text).lower())
        matrix[row, 0] = np.log1p(len(words))
        buckets = [zlib.crc32(word.encode()) % _BUCKETS for word in words]
        if buckets:
            matrix[row, 1:] = np.bincount(buckets, minlength=_BUCKETS) / len(buckets)
    return matrix, ["length", *(f"words[{bucket}]" for bucket in range(_BUCKETS))]
