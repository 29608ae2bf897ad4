"""Whether two served models rest on the same inputs: one as right as the champion may be so by a shortcut."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError
from assay.inference import OnnxModel
from assay.json_types import Json, JsonObject
from tasks.explanation.explained import shares
from tasks.explanation.images import grid_parts, is_picture
from tasks.explanation.shapley import Parts, sample_shapley
from tasks.explanation.texts import common_words
from tasks.explanation.trust import rank_correlation
from tasks.explanation.words import leave_out_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_ROWS, _MOVED, _LEAST_MOVED = 100, 5, 5e-5


@dataclass(frozen=True)
class Similarity:
    """rank_correlation: Spearman's of the importances, in [-1, 1]. overlap: the weight both put on the same inputs.

    moved: by how much the shares that moved most did so, ours less the other's. problem: why there is none.
    """

    rank_correlation: float = 0.0
    overlap: float = 0.0
    moved: "Mapping[str, float] | None" = None
    problem: str = ""

    def to_json(self) -> JsonObject:
        if self.problem:
            return {"problem": self.problem}
        moved: dict[str, Json] = {name: round(by, 4) for name, by in (self.moved or {}).items()}
        return {
            "rank_correlation": round(self.rank_correlation, 4),
            "overlap": round(self.overlap, 4),
            "moved": moved,
        }


def attribution_similarity(
    ours: OnnxModel, champions: OnnxModel, inputs: "NDArray[Any]", names: tuple[str, ...] = (), seed: int = 0
) -> Similarity:
    """Both explained from their answers alone, on the first 100 of `inputs`: raw rows, or texts (rows,).

    names: of a table's columns. Models that take other inputs cannot be compared; that is told as the problem.
    """
    import numpy as np

    rows = inputs[:_ROWS]
    try:
        weights = [black_box_importance(model, rows, names, seed) for model in (ours, champions)]
    except SpecError as error:
        return Similarity(problem=f"the champion takes other inputs: {error}")
    every = sorted(set(weights[0]) | set(weights[1]))
    left, right = (np.array([weight.get(name, 0.0) for name in every]) for weight in weights)
    order = np.argsort(-np.abs(left - right), kind="stable")[:_MOVED]
    moved = {every[at]: float(left[at] - right[at]) for at in order if abs(left[at] - right[at]) >= _LEAST_MOVED}
    return Similarity(rank_correlation(left, right), float(np.minimum(left, right).sum()), moved)


def black_box_importance(
    model: OnnxModel, rows: "NDArray[Any]", names: tuple[str, ...] = (), seed: int = 0
) -> "Mapping[str, float]":
    """Share of importance by column, by cell of a grid (`row,column`) of an image, or by word that four texts have."""

    def answer(batch: "NDArray[Any]") -> "NDArray[Any]":
        return model.predict(batch).probabilities

    if rows.dtype == object:
        words, values = common_words(leave_out_words(answer, [str(text) for text in rows.flat], seed))
        return dict(zip(words, map(float, shares(values)), strict=True))
    parts = parts_of(rows)
    found = sample_shapley(answer, rows, rows, parts, seed).importance
    return dict(zip(part_names(rows, parts, names), map(float, found), strict=True))


def parts_of(rows: "NDArray[Any]") -> Parts:
    """Cells of a grid for images, else one part a value."""
    import numpy as np

    shape = rows.shape[1:]
    return grid_parts(shape) if is_picture(shape) else Parts(np.arange(int(np.prod(shape))))


def part_names(rows: "NDArray[Any]", parts: Parts, names: tuple[str, ...] = ()) -> list[str]:
    """`names` where each part has one; cells of an image by their place in the grid."""
    if len(names) == parts.count:
        return list(names)
    if is_picture(rows.shape[1:]):
        return [f"cell {at}" for at in range(parts.count)]
    return [f"input {at}" for at in range(parts.count)]
