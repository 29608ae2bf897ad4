"""Rows read piece by piece: an engine makes parts of them, here or on Ray, and they are put in the rows' order here.

Both engines run `parts_of`, one call a piece, so that where it runs changes nothing but the time. A part is made as if
its batch were the first; what it says of places is mended here, where it is known how many rows came before.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from assay.errors import AssayError
from tasks.screening.row_parts import CellCounts, RowPart

if TYPE_CHECKING:
    import pyarrow as pa


class RowSource(Protocol):
    """Rows in pieces that can be read alone; goes to other processes whole, so it holds no rows and no connections."""

    @property
    def pieces(self) -> int:
        """How many."""

    def batches(self, piece: int) -> Iterator["pa.RecordBatch"]:
        """As they stand in the data."""

    def uniform(self, batch: "pa.RecordBatch", first_row: int) -> "pa.RecordBatch":
        """The same in plain types. first_row: the place of its first row, for errors."""

    def part(self, batch: "pa.RecordBatch", first_row: int) -> RowPart:
        """What the batch adds to the whole."""


@dataclass(frozen=True)
class Refused:
    """Where a piece ends early: what its reader said, or the batch in which something cannot be judged."""

    error: AssayError
    batch: "pa.RecordBatch | None" = None


ReadParts = Generator[tuple[int, RowPart | Refused], None, None]  # (piece, part), in the rows' order
RowEngine = Callable[[RowSource], ReadParts]


def in_process(source: RowSource) -> ReadParts:
    """The engine of data that one process reads in good time."""
    for piece in range(source.pieces):
        for part in parts_of(source, piece):
            yield piece, part


def parts_of(source: RowSource, piece: int) -> Iterator[RowPart | Refused]:
    """One a batch. Whatever the data are at fault for is handed on, to be told in the rows' order."""
    try:
        for batch in source.batches(piece):
            try:
                part = source.part(batch, 0)
            except AssayError as error:
                yield Refused(error, batch)
                return
            yield part
    except AssayError as error:
        yield Refused(error)


@dataclass
class Reading:
    """prefix: of the ids of rows that have none but their position. counts, piece_rows: known once all is read."""

    source: RowSource
    engine: RowEngine = in_process
    prefix: str = ""
    counts: CellCounts = field(default_factory=CellCounts)
    piece_rows: list[int] = field(default_factory=list)

    def parts(self) -> Iterator[RowPart]:
        """In the rows' order, each row with its id. Raises what is wrong with the first rows at fault."""
        self.counts, self.piece_rows, rows = CellCounts(), [0] * self.source.pieces, 0
        with contextlib.closing(self.engine(self.source)) as read:
            for piece, part in read:
                if isinstance(part, Refused):
                    if part.batch is not None:
                        self.source.part(part.batch, rows)  # raises, now with the place
                    raise part.error
                part.row_ids = part.named(self.prefix, rows)
                self.counts.add(part.counts)
                self.piece_rows[piece] += part.rows
                rows += part.rows
                yield part

    def cells_at(self, columns: Sequence[str], places: Sequence[int]) -> dict[int, dict[str, str]]:
        """Place -> column -> value as it stands in the data, in words; "" where it is missing.

        Reads only the pieces that hold one of the places, and no further than the last place in each.
        """
        found: dict[int, dict[str, str]] = {}
        start = 0
        for piece, rows in enumerate(self.piece_rows):
            wanted = sorted(place for place in places if start <= place < start + rows)
            if wanted:
                found |= self._cells(piece, start, columns, wanted)
            start += rows
        return found

    def _cells(self, piece: int, start: int, columns: Sequence[str], wanted: list[int]) -> dict[int, dict[str, str]]:
        found: dict[int, dict[str, str]] = {}
        for raw in self.source.batches(piece):
            stop = start + raw.num_rows
            here = [place for place in wanted if start <= place < stop]
            batch = self.source.uniform(raw, start) if here else raw
            for place in here:
                row = {name: batch.column(name)[place - start].as_py() for name in columns}
                found[place] = {name: "" if value is None else str(value) for name, value in row.items()}
            start = stop
            if start > wanted[-1]:
                break
        return found
