"""The nearest rows of every row without comparing all pairs: an inverted file over cells (Sivic and Zisserman 2003).

Few rows are compared exactly. Of many, a row is compared with those of the four cells nearest to it: near copies lie
in one of them, and what is farther plays no part.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXACT_ROWS = 10_000
CELLS_ASKED = 4
ROWS_A_CELL = 40
ROUNDS = 6
LANES = 8


def build_index(vectors: "NDArray[np.float32]") -> Any:
    """A faiss index of the rows, by Euclidean distance; deterministic in the vectors."""
    import faiss
    import numpy as np

    rows, width = len(vectors), _padded(vectors[:1]).shape[1]
    index: Any
    if rows <= EXACT_ROWS:
        index = faiss.IndexFlatL2(width)
    else:
        cells = int(4 * np.sqrt(rows))
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatL2(width), width, cells, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_L2
        )
        index.nprobe = CELLS_ASKED
        index.cp.niter, index.cp.seed, index.cp.min_points_per_centroid = ROUNDS, 0, 1
        index.cp.max_points_per_centroid = ROWS_A_CELL
        few = np.random.default_rng(0).choice(rows, min(rows, ROWS_A_CELL * cells), replace=False)
        index.train(_padded(vectors[np.sort(few)]))
    for start in range(0, rows, EXACT_ROWS):
        index.add(_padded(vectors[start : start + EXACT_ROWS]))
    return index


def search(index: Any, vectors: "NDArray[np.float32]", count: int) -> "NDArray[np.int64]":
    """(rows, count) places of the nearest in the index, nearest first; -1 where there are no more."""
    found: NDArray[np.int64] = index.search(_padded(vectors), count)[1]
    return found


def _padded(vectors: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """With zeros to a multiple of eight dimensions: others are compared number by number, three times as slowly."""
    import numpy as np

    width = vectors.shape[1]
    return np.pad(vectors, ((0, 0), (0, -width % LANES))) if width % LANES else np.ascontiguousarray(vectors)
