"""Columns of a dataset gathered part by part into compact arrays: numbers, words as codes, names as codes.

Words in a table become one-hot columns of their most frequent values. Where those would take too much memory, the
most varied of them stand for all.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.screening.row_parts import RowPart

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FREQUENT_VALUES = 20
MOST_CODES = 255
MOST_CELLS = 2**27


@dataclass
class GatheredColumns:
    """What a dataset's columns hold, until `arrays` uses it up. width: how many columns of its matrix are numbers."""

    rows: int = 0
    width: int = 0
    numbers: "dict[str, list[NDArray[Any]]]" = field(default_factory=dict)
    words: "dict[str, list[pa.Array]]" = field(default_factory=dict)
    unusable: set[str] = field(default_factory=set)

    def add(self, part: RowPart) -> None:
        """Columns that are neither regular numbers nor words in some part are unusable."""
        self.rows += part.rows
        for name, numbers in part.numbers.items():
            self.numbers.setdefault(name, []).append(numbers)
        for name, words in part.words.items():
            self.words.setdefault(name, []).append(words)
        self.unusable.update(part.unusable)

    def arrays(self) -> "tuple[NDArray[np.float32] | None, NDArray[np.uint8] | None]":
        """features (rows, columns), finite, and words (rows, word columns); the columns are used up."""
        codes = [_ranks(self.words.pop(name)) for name in list(self.words)]
        codes = [ranks for ranks in codes if len(ranks) == self.rows and _says_something(ranks)]
        matrix = self._matrix(codes)
        return matrix, _few_codes(codes)

    def _matrix(self, codes: "list[NDArray[np.int32]]") -> "NDArray[np.float32] | None":
        import numpy as np

        usable = [name for name in sorted(self.numbers) if self._is_regular(name)]
        width = self.width = sum(self.numbers[name][0].shape[1] for name in usable)
        shown = _shown_values(codes, max(MOST_CELLS // max(self.rows, 1) - width, 0))
        if not width + len(shown):
            return None
        matrix = np.empty((self.rows, width + len(shown)), dtype=np.float32)
        column = 0
        for name in usable:
            parts, start = self.numbers.pop(name), 0
            for part in parts:
                matrix[start : start + len(part), column : column + part.shape[1]] = part
                start += len(part)
            column += parts[0].shape[1]
        _fill_gaps(matrix[:, :width])
        for place, (word, rank) in enumerate(shown):
            matrix[:, width + place] = codes[word] == rank
        return matrix

    def _is_regular(self, name: str) -> bool:
        parts = self.numbers[name]
        widths = {part.shape[1] for part in parts}
        return name not in self.unusable and len(widths) == 1 and sum(map(len, parts)) == self.rows


def joined_codes(parts: "list[pa.Array]") -> "tuple[list[str], NDArray[np.int64]]":
    """Distinct strings, sorted, and each row's place among them."""
    import numpy as np

    values, codes = _unified(parts)
    order = sorted(range(len(values)), key=values.__getitem__)
    places = np.empty(len(values), dtype=np.int64)
    places[order] = np.arange(len(values))
    return [values[place] for place in order], places[codes]


def _unified(parts: "list[pa.Array]") -> "tuple[list[str], NDArray[np.int64]]":
    import numpy as np
    import pyarrow as pa

    if not parts:
        return [], np.zeros(0, np.int64)
    chunks = pa.chunked_array(parts).unify_dictionaries().chunks
    if not chunks:
        return [], np.zeros(0, np.int64)
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in chunks])
    return chunks[0].dictionary.to_pylist(), codes.astype(np.int64)


def _ranks(parts: "list[pa.Array]") -> "NDArray[np.int32]":
    """(rows,): each word's place among its column's words, the most frequent first, equals by the alphabet."""
    import numpy as np

    values, codes = joined_codes(parts)
    order = np.argsort(-np.bincount(codes, minlength=len(values)), kind="stable")
    ranks = np.empty(len(values), dtype=np.int32)
    ranks[order] = np.arange(len(values))
    return np.asarray(ranks[codes])


def _says_something(ranks: "NDArray[np.int32]") -> bool:
    """Ids and free text: no value says anything of another row."""
    import numpy as np

    counts = np.bincount(ranks)
    return bool(len(counts)) and (counts.max() > 1 or len(counts) <= FREQUENT_VALUES)


def _shown_values(codes: "list[NDArray[np.int32]]", most: int) -> list[tuple[int, int]]:
    """(word column, rank) of the one-hot columns: all frequent values, or the `most` that vary most."""
    import numpy as np

    shown, variance = [], []
    for word, ranks in enumerate(codes):
        share = np.bincount(ranks)[:FREQUENT_VALUES] / len(ranks)
        shown += [(word, rank) for rank in range(len(share))]
        variance += (share * (1 - share)).tolist()
    if len(shown) <= most:
        return shown
    return [shown[place] for place in sorted(np.argsort(-np.array(variance), kind="stable")[:most].tolist())]


def _few_codes(codes: "list[NDArray[np.int32]]") -> "NDArray[np.uint8] | None":
    """(rows, word columns): ranks; 254 stands for all rarer ones."""
    import numpy as np

    if not codes:
        return None
    few = np.empty((len(codes[0]), len(codes)), dtype=np.uint8)
    for place, ranks in enumerate(codes):
        few[:, place] = np.minimum(ranks, MOST_CODES - 1)
    return few


def _fill_gaps(matrix: "NDArray[np.float32]") -> None:
    """Put the column's median where there is no finite number; the matrix is our own."""
    import numpy as np

    for start in range(0, matrix.shape[1], 64):
        broken = ~np.isfinite(matrix[:, start : start + 64])
        for column in np.flatnonzero(broken.any(axis=0)).tolist():
            values, gaps = matrix[:, start + column], broken[:, column]
            values[gaps] = np.median(values[~gaps]) if not gaps.all() else 0.0
