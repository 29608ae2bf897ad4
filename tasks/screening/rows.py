"""A dataset version as the detectors see it: content digests, class codes, and numbers or texts.

Images (nested lists, fixed-size binary) and numeric columns become one float32 matrix; words in a table
become one-hot columns of their most frequent values. Columns of other types have a content digest only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from assay.dataset import ROW_ID
from assay.errors import SpecError
from assay.feature_columns import feature_columns, list_shape
from assay.row_content import Likeness, row_digests

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FREQUENT_VALUES = 20


@dataclass(frozen=True)
class ScreenRows:
    """Aligned rows. contents: digest of a row's input, without its label. labels: codes into `classes`.

    features: (rows, columns) float32, finite, or None. texts: one a row for kind "text", else None.
    shape: of one image, (height, width) or (height, width, channels), whose product is the columns; else ().
    sources: who or what each row came from, as codes into `source_names`; None where the data do not say.
    """

    kind: str
    row_ids: tuple[str, ...]
    contents: tuple[bytes, ...]
    labels: "NDArray[np.int64]"
    classes: tuple[str, ...]
    features: "NDArray[np.float32] | None"
    texts: tuple[str, ...] | None
    shape: tuple[int, ...] = ()
    sources: "NDArray[np.int64] | None" = None
    source_names: tuple[str, ...] = ()

    def take(self, places: "NDArray[np.int64]") -> "ScreenRows":
        """The rows at `places`, in that order."""
        listed = places.tolist()
        return replace(
            self,
            row_ids=tuple(self.row_ids[place] for place in listed),
            contents=tuple(self.contents[place] for place in listed),
            labels=self.labels[places],
            features=None if self.features is None else self.features[places],
            texts=None if self.texts is None else tuple(self.texts[place] for place in listed),
            sources=None if self.sources is None else self.sources[places],
        )

    def with_inputs(
        self,
        places: "NDArray[np.int64]",
        features: "NDArray[np.float32] | None" = None,
        texts: Sequence[str] = (),
        labels: "NDArray[np.int64] | None" = None,
    ) -> "ScreenRows":
        """A copy in which the rows at `places` have these inputs and labels, and contents that nothing else has."""
        changed, listed = self, places.tolist()
        contents = list(self.contents)
        for place in listed:
            contents[place] = b"changed " + str(place).encode()
        if features is not None and self.features is not None:
            matrix = self.features.copy()
            matrix[places] = features
            changed = replace(changed, features=matrix)
        if self.texts is not None and texts:
            words = list(self.texts)
            for place, text in zip(listed, texts, strict=True):
                words[place] = text
            changed = replace(changed, texts=tuple(words))
        if labels is not None:
            codes = self.labels.copy()
            codes[places] = labels
            changed = replace(changed, labels=codes)
        return replace(changed, contents=tuple(contents))

    def __len__(self) -> int:
        return len(self.row_ids)


@dataclass
class _Columns:
    row_ids: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    numbers: "dict[str, list[NDArray[np.float32]]]" = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    unusable: set[str] = field(default_factory=set)
    sources: list[str] = field(default_factory=list)
    shape: tuple[int, ...] = ()


def load_screen_rows(
    batches: "Iterator[pa.RecordBatch]",
    kind: str,
    label: str,
    source: str = "",
    classes: Sequence[str] | None = None,
) -> ScreenRows:
    """Every row of `batches`, in order. source: the column that says where a row came from, if there is one.

    classes: label values in the order of their codes; by default those found, sorted.
    Raises SpecError when a label is none of `classes`.
    """
    import numpy as np

    found = _Columns()
    for batch in batches:
        _add(found, batch, [name for name in _inputs(batch.schema, kind, label) if name != source])
        found.labels.extend(str(value) for value in batch.column(label).to_pylist())
        if source:
            found.sources.extend(str(value) for value in batch.column(source).to_pylist())
    names, labels = _codes(found.labels, classes)
    source_names, sources = _codes(found.sources, None)
    is_text = kind == "text"
    texts = tuple(" ".join(parts) for parts in zip(*found.words.values(), strict=True)) if is_text else ()
    features = None if is_text else _matrix(found)
    shape = found.shape if features is not None and kind == "image" else ()
    return ScreenRows(
        kind=kind,
        row_ids=tuple(found.row_ids),
        contents=tuple(found.contents),
        labels=labels,
        classes=names,
        features=features,
        texts=texts or None,
        shape=shape if features is not None and shape and int(np.prod(shape)) == features.shape[1] else (),
        sources=sources if source else None,
        source_names=source_names,
    )


def _codes(values: list[str], names: Sequence[str] | None) -> "tuple[tuple[str, ...], NDArray[np.int64]]":
    import numpy as np

    if names is None:
        found, codes = np.unique(np.array(values, dtype=object).astype(str), return_inverse=True)
        return tuple(str(name) for name in found), codes.astype(np.int64)
    places = {name: place for place, name in enumerate(names)}
    unknown = sorted(set(values) - set(places))
    if unknown:
        raise SpecError(f"labels: expected {', '.join(names)}, found {', '.join(unknown[:5])}; mend the labels")
    return tuple(names), np.array([places[value] for value in values], dtype=np.int64)


def _inputs(schema: "pa.Schema", kind: str, label: str) -> list[str]:
    """A model's input columns: a mail's date makes it no other mail. Every column where none fits the kind."""
    try:
        return feature_columns(schema, kind, label)
    except SpecError:
        return [name for name in schema.names if name not in (ROW_ID, label)]


def _add(found: _Columns, batch: "pa.RecordBatch", inputs: list[str]) -> None:
    import pyarrow as pa

    for name in sorted(inputs):
        column = batch.column(name)
        numbers = _numbers(column)
        found.shape = list_shape(column.type) or found.shape
        if numbers is not None:
            found.numbers.setdefault(name, []).append(numbers.astype("float32"))
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            found.words.setdefault(name, []).extend(str(value or "") for value in column.to_pylist())
        else:
            found.unusable.add(name)
    found.contents.extend(row_digests(batch, inputs, Likeness.SAME_INPUT))
    found.row_ids.extend(str(value) for value in batch.column(ROW_ID).to_pylist())


def _numbers(column: "pa.Array") -> "NDArray[Any] | None":
    """(rows, width) in the column's own number type, missing numbers as NaN; None when it is not regular."""
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_fixed_size_binary(kind) and not column.null_count:
        joined = b"".join(column.to_pylist())
        return np.frombuffer(joined, dtype=np.uint8).reshape(len(column), kind.byte_width)
    flat = column
    while pa.types.is_list(flat.type) or pa.types.is_large_list(flat.type) or pa.types.is_fixed_size_list(flat.type):
        lengths = flat.value_lengths().to_numpy(zero_copy_only=False) if len(flat) else np.zeros(0)
        if flat.null_count or len(np.unique(lengths)) > 1:
            return None
        flat = flat.flatten()
    if not (pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type) or pa.types.is_boolean(flat.type)):
        return None
    if flat.null_count:
        flat = flat.cast(pa.float64())
    return np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(len(column), -1)


def _matrix(found: _Columns) -> "NDArray[np.float32] | None":
    import numpy as np

    blocks = []
    for name in sorted(found.numbers):
        parts = found.numbers.pop(name)
        if name not in found.unusable and len({part.shape[1] for part in parts}) == 1:
            blocks.append(np.concatenate(parts))
    blocks = [block for block in blocks if len(block) == len(found.row_ids)]
    blocks += [_one_hot(words) for words in found.words.values()]
    if not blocks or not sum(block.shape[1] for block in blocks):
        return None
    matrix = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)
    if not np.isfinite(matrix).all():
        matrix = np.where(np.isfinite(matrix), matrix, np.nan)
        matrix = np.where(np.isnan(matrix), np.nan_to_num(np.nanmedian(matrix, axis=0)), matrix)
    return np.ascontiguousarray(matrix, dtype=np.float32)


def _one_hot(words: list[str]) -> "NDArray[np.float32]":
    import numpy as np

    values, codes, counts = np.unique(np.array(words), return_inverse=True, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:FREQUENT_VALUES]
    if counts[frequent].max() < 2 and len(values) > FREQUENT_VALUES:
        return np.zeros((len(words), 0), np.float32)  # ids and free text: no value says anything of another row
    return np.asarray(codes[:, None] == frequent[None, :], dtype=np.float32)
