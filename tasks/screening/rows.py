"""A dataset version as the detectors see it: content digests, class codes, and numbers or texts.

Images (nested lists, fixed-size binary) and numeric columns become one float32 matrix; words in a table
become one-hot columns of their most frequent values, and codes. Columns of other types have a content digest only.
Rows are gathered part by part into compact arrays, whichever process made the parts.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from assay.errors import SpecError
from tasks.screening.row_columns import GatheredColumns, joined_codes
from tasks.screening.row_parts import RowPart
from tasks.screening.row_strings import DIGEST_BYTES, RowContents, RowStrings, as_contents

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ScreenRows:
    """Aligned rows. contents: digest of a row's input, without its label. labels: codes into `classes`.

    row_ids and contents are read like tuples, whatever holds them.

    features: (rows, columns) float32, finite, or None. texts: one a row for kind "text", else None.
    shape: of one image, (height, width) or (height, width, channels), whose product is the columns; else ().
    sources: who or what each row came from, as codes into `source_names`; None where the data do not say.
    words: (rows, word columns) of a table, each word by its rank among its column's most frequent; 254 for all rarer.
    numbers: how many columns of `features` are numbers, the others being one-hot words; None for all.
    """

    kind: str
    row_ids: Sequence[str]
    contents: Sequence[bytes]
    labels: "NDArray[np.int64]"
    classes: tuple[str, ...]
    features: "NDArray[np.float32] | None"
    texts: tuple[str, ...] | None
    shape: tuple[int, ...] = ()
    sources: "NDArray[np.int64] | None" = None
    source_names: tuple[str, ...] = ()
    words: "NDArray[np.uint8] | None" = None
    numbers: int | None = None

    def take(self, places: "NDArray[np.int64]") -> "ScreenRows":
        """The rows at `places`, in that order."""
        return replace(
            self,
            row_ids=_taken(self.row_ids, places),
            contents=as_contents(self.contents).take(places),
            labels=self.labels[places],
            features=None if self.features is None else self.features[places],
            texts=None if self.texts is None else tuple(self.texts[place] for place in places.tolist()),
            sources=None if self.sources is None else self.sources[places],
            words=None if self.words is None else self.words[places],
        )

    def with_inputs(
        self,
        places: "NDArray[np.int64]",
        features: "NDArray[np.float32] | None" = None,
        texts: Sequence[str] = (),
        labels: "NDArray[np.int64] | None" = None,
    ) -> "ScreenRows":
        """A copy in which the rows at `places` have these inputs and labels, and contents that nothing else has."""
        changed = self
        if features is not None and self.features is not None:
            matrix = self.features.copy()
            matrix[places] = features
            changed = replace(changed, features=matrix)
        if self.texts is not None and texts:
            words = list(self.texts)
            for place, text in zip(places.tolist(), texts, strict=True):
                words[place] = text
            changed = replace(changed, texts=tuple(words))
        if labels is not None:
            codes = self.labels.copy()
            codes[places] = labels
            changed = replace(changed, labels=codes)
        return replace(changed, contents=as_contents(self.contents).changed(places))

    def __len__(self) -> int:
        return len(self.row_ids)


def gather_rows(parts: Iterable[RowPart], kind: str, classes: Sequence[str] | None = None) -> ScreenRows:
    """Every row of `parts`, in their order; rows without an id are named by their position.

    classes: label values in the order of their codes; by default those found, sorted.
    Raises SpecError when a label is none of `classes`.
    """
    found = _Gathered()
    for part in parts:
        _add(found, part)
    names, labels = _codes(found.labels, classes)
    source_names, sources = _codes(found.sources, None)
    features, words = found.columns.arrays() if kind != "text" else (None, None)
    shape = found.shape if features is not None and kind == "image" else ()
    return ScreenRows(
        kind=kind,
        row_ids=_joined(found.row_ids),
        contents=RowContents(_stacked(found.contents)),
        labels=labels,
        classes=names,
        features=features,
        texts=tuple(found.texts) or None,
        shape=shape if features is not None and shape and math.prod(shape) == features.shape[1] else (),
        sources=sources if found.sources else None,
        source_names=source_names,
        words=words,
        numbers=found.columns.width if words is not None else None,
    )


@dataclass
class _Gathered:
    columns: GatheredColumns = field(default_factory=GatheredColumns)
    row_ids: "list[pa.Array]" = field(default_factory=list)
    contents: "list[NDArray[np.uint8]]" = field(default_factory=list)
    labels: "list[pa.Array]" = field(default_factory=list)
    sources: "list[pa.Array]" = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    shape: tuple[int, ...] = ()


def _add(found: _Gathered, part: RowPart) -> None:
    found.row_ids.append(part.named("", found.columns.rows))
    found.columns.add(part)
    found.contents.append(part.contents)
    found.labels.append(part.labels)
    if part.sources is not None:
        found.sources.append(part.sources)
    found.texts.extend(part.texts)
    found.shape = part.shape or found.shape


def _joined(parts: "list[pa.Array]") -> RowStrings:
    import pyarrow as pa

    return RowStrings(pa.chunked_array(parts, pa.string()).cast(pa.large_string()).combine_chunks())


def _stacked(parts: "list[NDArray[np.uint8]]") -> "NDArray[np.uint8]":
    import numpy as np

    return np.concatenate([np.empty((0, DIGEST_BYTES), np.uint8), *parts])


def _taken(strings: Sequence[str], places: "NDArray[np.int64]") -> Sequence[str]:
    if isinstance(strings, RowStrings):
        return strings.take(places)
    return tuple(strings[place] for place in places.tolist())


def _codes(parts: "list[pa.Array]", names: Sequence[str] | None) -> "tuple[tuple[str, ...], NDArray[np.int64]]":
    import numpy as np

    found, codes = joined_codes(parts)
    if names is None:
        return tuple(found), codes
    unknown = sorted(set(found) - set(names))
    if unknown:
        raise SpecError(f"labels: expected {', '.join(names)}, found {', '.join(unknown[:5])}; mend the labels")
    places = {name: place for place, name in enumerate(names)}
    return tuple(names), np.array([places[name] for name in found], dtype=np.int64)[codes]
