"""What it means for two rows to look alike, by the kind of data: vectors to search by, and an exact distance."""

from typing import TYPE_CHECKING, Protocol

from tasks.screening.near_images import ImageLooks
from tasks.screening.near_texts import TextLooks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case

REFERENCE_ROWS = 256
REFERENCE_NEAREST = 26
SMALLEST = 1e-6


class Looks(Protocol):
    """vectors: (rows, dimensions) float32, in which rows that look alike lie near each other."""

    vectors: "NDArray[np.float32]"

    def distances(self, places: "NDArray[np.int64]", others: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """(places, k), above 0: how different each row is from its `others`, (places, k)."""

    def in_words(self, distance: float) -> str:
        """What a distance says, as an end of a sentence that begins with a row."""


def looks_of(case: "Case", distinct: "NDArray[np.int64]") -> Looks | None:
    """Of the rows at `distinct`; None when the rows have no numbers and no text."""
    rows = case.rows
    if rows.texts is not None:
        return TextLooks([rows.texts[place] for place in distinct.tolist()])
    if rows.features is None:
        return None
    if rows.kind == "image" and len(rows.shape) in (2, 3):
        return ImageLooks(rows.features, distinct, rows.shape)
    if case.space is None:
        return None
    return PointLooks(case.space.points if len(distinct) == len(rows) else case.space.points[distinct], case.seed)


class PointLooks:
    """Points; distances count in that of a row to the nearest tenth of all rows, so that dense places are no floods."""

    def __init__(self, points: "NDArray[np.float32]", seed: int) -> None:
        import numpy as np

        self.vectors = points
        few = np.random.default_rng((seed, 1)).permutation(len(points))[:REFERENCE_ROWS]
        self._ordinary = _ordinary_distances(points, points[np.sort(few)])

    def distances(self, places: "NDArray[np.int64]", others: "NDArray[np.int64]") -> "NDArray[np.float64]":
        import numpy as np

        apart = self.vectors[others] - self.vectors[places][:, None]
        distance = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart, dtype=np.float32)).astype(np.float64)
        return np.asarray(np.maximum(distance / self._ordinary[places][:, None], SMALLEST))

    def in_words(self, distance: float) -> str:
        return f"at {distance:.2g} of the distance to the nearest tenth of the rows"


def _ordinary_distances(points: "NDArray[np.float32]", reference: "NDArray[np.float32]") -> "NDArray[np.float64]":
    """(rows,): to the nearest tenth of `reference`, rows drawn at random, which no flood below a tenth shortens."""
    import faiss
    import numpy as np

    index = faiss.IndexFlatL2(points.shape[1])
    index.add(np.ascontiguousarray(reference))
    nearest = max(round(len(reference) * REFERENCE_NEAREST / REFERENCE_ROWS), 1)
    found = np.empty(len(points))
    for start in range(0, len(points), 65_536):
        squared = index.search(np.ascontiguousarray(points[start : start + 65_536]), nearest)[0][:, -1]
        found[start : start + len(squared)] = np.sqrt(np.maximum(squared, 0))
    return np.asarray(np.maximum(found, max(1e-3 * float(np.median(found)), 1e-9)))
