"""Odd inputs: values at and beyond the edge of what a model was made for, and arrays of the wrong shape or type.

Numpy alone: the process that asks the model imports this file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ODD_ROWS = 4
_MEGABYTE = 1 << 20
_LARGE_BATCH, _LARGE_BYTES = 1021, 64 << 20  # 1021 is prime


@dataclass(frozen=True)
class Odd:
    """finite: whether every value is a number below infinity. must_answer: whether a refusal is a fault."""

    name: str
    batch: "NDArray[Any]"
    finite: bool = True
    must_answer: bool = False


def odd_values(rows: "NDArray[Any]") -> list[Odd]:
    """rows: ordinary rows as the model takes them, strings as (rows, 1). All keep their shape and type."""
    if rows.dtype == object:
        return _odd_texts(rows)
    few = rows[:ODD_ROWS]
    finite = {
        "zeros": np.zeros_like(few),
        "least": np.full_like(few, rows.min()),
        "greatest": np.full_like(few, rows.max()),
        **(_odd_floats(few) if rows.dtype.kind == "f" else _odd_whole_numbers(few)),
    }
    found = [Odd(name, batch) for name, batch in finite.items()]
    if rows.dtype.kind == "f":
        found += [Odd(name, batch, finite=False) for name, batch in _not_finite(few)]
    return found


def _odd_floats(few: "NDArray[Any]") -> "dict[str, NDArray[Any]]":
    limits = np.finfo(few.dtype)
    signs = np.where(np.arange(few.size) % 2, 1, -1).reshape(few.shape)
    return {
        "negated": -few,
        "denormal": np.full_like(few, limits.smallest_subnormal),
        "1e-30 of ordinary": few * few.dtype.type(1e-30),
        "1e30 everywhere": np.full_like(few, 1e30),
        "float max": np.full_like(few, limits.max),
        "minus float max": np.full_like(few, -limits.max),
        "float max of both signs": (signs * limits.max).astype(few.dtype),
        "one float max": _with_first(few, float(limits.max)),
    }


def _odd_whole_numbers(few: "NDArray[Any]") -> "dict[str, NDArray[Any]]":
    limits = np.iinfo(few.dtype)
    return {"type's least": np.full_like(few, limits.min), "type's greatest": np.full_like(few, limits.max)}


def _not_finite(few: "NDArray[Any]") -> "Iterator[tuple[str, NDArray[Any]]]":
    for name, value in (("NaN", np.nan), ("infinity", np.inf), ("minus infinity", -np.inf)):
        yield f"one {name}", _with_first(few, value)
        yield f"{name} everywhere", np.full_like(few, value)


def _with_first(few: "NDArray[Any]", value: float) -> "NDArray[Any]":
    changed = few.copy().reshape(len(few), -1)
    changed[:, :1] = value
    return changed.reshape(few.shape)


def _odd_texts(rows: "NDArray[Any]") -> list[Odd]:
    ordinary = str(rows.flat[0])
    odd: dict[str, object] = {
        "empty": "",
        "white space": " \t\r\n\u00a0\u2003",
        "a word of 1 MB": "a" * _MEGABYTE,
        "1 MB of words": "word " * (_MEGABYTE // 5),
        "1 MB of blanks": " " * _MEGABYTE,
        "NUL characters": f"\0{ordinary}\0",
        "control characters": "".join(map(chr, range(1, 32))) + ordinary,
        "emoji": "\U0001f600\U0001f469\u200d\U0001f4bb " + ordinary,
        "right to left": "\u202e\u05e9\u05dc\u05d5\u05dd\u202c " + ordinary,
        "combining marks": "e\u0301" * 500,
        "lone surrogate": "\ud800" + ordinary,
        "bytes that are no UTF-8": b"\xff\xfe\xc3\x28" + ordinary.encode(errors="replace"),
    }
    return [Odd(name, texts_of([value])) for name, value in odd.items()]


def odd_shapes(rows: "NDArray[Any]") -> list[Odd]:
    """Batches of other sizes, which must be answered, and broken ones, which may be refused."""
    few = rows[:ODD_ROWS]
    large = max(1, min(_LARGE_BATCH, _LARGE_BYTES // max(few[:1].nbytes, 1)))
    whole = [Odd(name, many(rows, count), must_answer=True) for name, count in (("1 row", 1), ("13 rows", 13))]
    whole.append(Odd(f"{large} rows", many(rows, large), must_answer=True))
    broken = {
        "no rows": few[:0],
        "an axis too few": few.reshape(len(few), -1)[:, 0],
        "an axis too many": few[..., None],
        "twice as wide": np.concatenate([few, few], axis=-1),
        "no width": few[..., :0],
        **(_other_text_types(few) if rows.dtype == object else _other_types(few)),
    }
    if few.shape[-1] > 1:
        broken["one too narrow"] = few[..., :-1]
    return whole + [Odd(name, batch) for name, batch in broken.items()]


def _other_types(few: "NDArray[Any]") -> "dict[str, NDArray[Any]]":
    kinds = [kind for kind in ("float16", "float32", "float64", "int64", "bool") if kind != few.dtype.name]
    return {f"as {kind}": few.astype(kind) for kind in kinds} | {"as strings": few.astype(str).astype(object)}


def _other_text_types(few: "NDArray[Any]") -> "dict[str, NDArray[Any]]":
    return {"as float32": np.zeros(few.shape, np.float32), "as int64": np.zeros(few.shape, np.int64)}


def many(rows: "NDArray[Any]", count: int) -> "NDArray[Any]":
    """`count` rows, from the first on and over again."""
    repeated: NDArray[Any] = rows[np.arange(count) % len(rows)]
    return repeated


def texts_of(values: list[object]) -> "NDArray[Any]":
    """(rows, 1) of objects."""
    array = np.empty((len(values), 1), dtype=object)
    array[:, 0] = values
    return array
