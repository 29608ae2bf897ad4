"""Many strings or digests in compact arrays, read like tuples."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

DIGEST_BYTES = 16


class RowStrings(Sequence[str]):
    """Strings in Arrow's memory: one costs its bytes and four or eight more."""

    def __init__(self, array: "pa.Array") -> None:
        self._array = array

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "RowStrings": ...
    def __getitem__(self, place: "int | slice") -> "str | RowStrings":
        if isinstance(place, slice):
            return RowStrings(self._array[place])
        return str(self._array[int(place)].as_py())

    def take(self, places: "NDArray[np.int64]") -> "RowStrings":
        """The strings at `places`, in that order."""
        return RowStrings(self._array.take(places))

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self._array), 65_536):
            yield from self._array[start : start + 65_536].to_pylist()

    def __len__(self) -> int:
        return len(self._array)

    def __arrow_array__(self, type: Any = None) -> "pa.Array":
        return self._array if type is None else self._array.cast(type)


class RowContents(Sequence[bytes]):
    """One digest of 16 bytes a row; `digests` holds them, (rows, 16) uint8."""

    def __init__(self, digests: "NDArray[np.uint8]") -> None:
        self.digests = digests

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> "RowContents": ...
    def __getitem__(self, place: "int | slice") -> "bytes | RowContents":
        if isinstance(place, slice):
            return RowContents(self.digests[place])
        return bytes(self.digests[place])

    def take(self, places: "NDArray[np.int64]") -> "RowContents":
        """The digests at `places`, in that order."""
        return RowContents(self.digests[places])

    def changed(self, places: "NDArray[np.int64]") -> "RowContents":
        """A copy in which each of `places` has a content that nothing else has."""
        import numpy as np

        digests = self.digests.copy()
        digests[places, :8] = np.frombuffer(b"changed ", np.uint8)
        digests[places, 8:] = places.astype("<u8").view(np.uint8).reshape(len(places), 8)
        return RowContents(digests)

    def groups(self) -> "NDArray[np.int64]":
        """(rows,): the place of the first row of equal content."""
        import numpy as np

        halves = np.ascontiguousarray(self.digests).view(np.uint64)
        order = np.lexsort((halves[:, 1], halves[:, 0]))
        ordered = halves[order]
        starts = np.ones(len(order), dtype=bool)
        starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        # The sort is stable, so that the first of a group in it is the first in the rows.
        first = np.empty(len(order), dtype=np.int64)
        first[order] = order[np.flatnonzero(starts)][np.cumsum(starts) - 1]
        return first

    def __len__(self) -> int:
        return len(self.digests)


def as_contents(contents: Sequence[bytes]) -> RowContents:
    """Digests of any contents; those that are digests already stay."""
    import numpy as np

    if isinstance(contents, RowContents):
        return contents
    joined = b"".join(hashlib.sha256(one).digest()[:DIGEST_BYTES] for one in contents)
    return RowContents(np.frombuffer(joined, np.uint8).reshape(-1, DIGEST_BYTES))
