"""Rows to be judged and trusted rows under one encoding: the same columns, classes and words have the same places."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

from assay.errors import SpecError
from tasks.screening.row_parts import RowPart
from tasks.screening.rows import ScreenRows, gather_rows


def gather_together(
    parts: Iterable[RowPart], trusted: Iterable[RowPart], kind: str
) -> tuple[ScreenRows, ScreenRows, int]:
    """Both, under the classes of the first, and how many trusted rows of other classes were left out.

    Raises SpecError when no trusted row is of those classes.
    """
    import numpy as np

    counts = [0]

    def counted() -> Iterator[RowPart]:
        for part in parts:
            counts[0] += part.rows
            yield part

    both = gather_rows(itertools.chain(counted(), trusted), kind)
    rows, known = _part(both, 0, counts[0]), _part(both, counts[0], len(both))
    present = np.unique(rows.labels)
    kept = np.flatnonzero(np.isin(known.labels, present))
    if not len(kept):
        raise SpecError(
            "trusted rows: expected some of the dataset's classes, found none; give rows of the same labels"
        )
    left_out = len(known) - len(kept)
    if len(present) == len(rows.classes):
        return rows, known, left_out
    known = known.take(kept)
    names = tuple(rows.classes[code] for code in present)
    return (
        replace(rows, classes=names, labels=np.searchsorted(present, rows.labels)),
        replace(known, classes=names, labels=np.searchsorted(present, known.labels)),
        left_out,
    )


def _part(rows: ScreenRows, start: int, stop: int) -> ScreenRows:
    """Rows from `start` to `stop`; the big arrays are views."""
    import numpy as np

    part = replace(
        rows,
        row_ids=rows.row_ids[start:stop],
        contents=rows.contents[start:stop],
        labels=rows.labels[start:stop],
        features=None if rows.features is None else rows.features[start:stop],
        texts=None if rows.texts is None else rows.texts[start:stop],
        sources=None if rows.sources is None else rows.sources[start:stop],
        words=None if rows.words is None else rows.words[start:stop],
    )
    if part.sources is None:
        return part
    present, codes = np.unique(part.sources, return_inverse=True)
    names = tuple(rows.source_names[code] for code in present)
    return replace(part, sources=codes.astype(np.int64), source_names=names)
