"""Texts that share most of what they say: sets of character runs, compared by Jaccard's similarity.

Of each set the 256 smallest hashes are kept, which estimate the similarity without bias (bottom-k sketch, Cohen and
Kaplan 2007; after Broder 1997). Candidates come from the whole set hashed into signed counts (Weinberger et al. 2009).
Runs of bytes fit any language, whether or not it puts spaces between words.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RUN = 5
KEPT = 256
DIMENSIONS = 256
LOOKED_AT = 100_000
BATCH = 2_048
EMPTY = 0xFFFFFFFF


class TextLooks:
    """Distances are 1 - Jaccard's similarity, at least half of what one kept hash makes out."""

    def __init__(self, texts: Sequence[str]) -> None:
        import numpy as np

        self._kept = np.full((len(texts), KEPT), EMPTY, dtype=np.uint32)
        self.vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for place, text in enumerate(texts):
            hashes = _hashes(text)
            smallest = np.unique((hashes >> np.uint64(32)).astype(np.uint32))[:KEPT]
            self._kept[place, : len(smallest)] = smallest
            buckets = (hashes % np.uint64(DIMENSIONS)).astype(np.int64)
            signs = np.where(hashes & np.uint64(DIMENSIONS), 1.0, -1.0)
            self.vectors[place] = np.bincount(buckets, weights=signs, minlength=DIMENSIONS)
        length = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        self.vectors /= np.maximum(length, 1e-9)

    def distances(self, places: "NDArray[np.int64]", others: "NDArray[np.int64]") -> "NDArray[np.float64]":
        import numpy as np

        found = np.empty(others.shape)
        for start in range(0, len(places), BATCH):
            part = slice(start, start + BATCH)
            for column in range(others.shape[1]):
                found[part, column] = 1 - _similarity(self._kept[places[part]], self._kept[others[part, column]])
        return np.asarray(np.maximum(found, 0.5 / KEPT))

    def in_words(self, distance: float) -> str:
        return f"sharing {1 - distance:.0%} of the runs of characters"


def _hashes(text: str) -> "NDArray[np.uint64]":
    """Distinct hashes of all runs of five bytes, but for case and white space."""
    import numpy as np

    plain = " ".join(text[:LOOKED_AT].casefold().split()).encode("utf-8", "surrogatepass").ljust(RUN, b"\0")
    code = np.frombuffer(plain, np.uint8).astype(np.uint64)
    runs = np.zeros(len(code) - RUN + 1, dtype=np.uint64)
    for step in range(RUN):
        runs = runs * np.uint64(256) + code[step : len(runs) + step]
    runs = np.unique(runs)
    # The finaliser of SplitMix64 (Steele et al. 2014) spreads them evenly.
    runs = (runs ^ (runs >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    runs = (runs ^ (runs >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(runs ^ (runs >> np.uint64(31)))


def _similarity(left: "NDArray[np.uint32]", right: "NDArray[np.uint32]") -> "NDArray[np.float64]":
    """(pairs,) in [0, 1], from the smallest hashes of both sets together."""
    import numpy as np

    joined = np.sort(np.concatenate([left, right], axis=1), axis=1)
    real = joined != EMPTY
    new = real.copy()
    new[:, 1:] &= joined[:, 1:] != joined[:, :-1]
    rank = new.cumsum(axis=1, dtype=np.int32)
    shared = (real & ~new & (rank <= KEPT)).sum(axis=1)
    return np.asarray(shared / np.maximum(np.minimum(rank[:, -1], KEPT), 1))
