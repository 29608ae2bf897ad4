"""What is asked of an open model: odd values, broken shapes, whether rows answer alike in any company, and how fast.

Numpy and ONNX Runtime alone: the process that asks the model imports this file.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from tasks.stress.odd import Odd, many, odd_shapes, odd_values, texts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCHES = (1, 8, 64, 256)
_SPEED_SECONDS, _MOST_CALLS, _FEWEST_CALLS = 0.5, 500, 5
_ALIKE_ROWS, _AGAIN = 16, 5
_SUMS_TO = 1e-3

Outcome = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """An open model and ordinary rows for it. idle: bytes held before it was opened."""

    session: ort.InferenceSession
    rows: "NDArray[Any]"
    idle: int

    def run(self, batch: "NDArray[Any]") -> "tuple[NDArray[Any], NDArray[Any]]":
        label, probabilities = self.session.run(["label", "probabilities"], {"input": batch})
        return label, probabilities

    def memory_mb(self) -> float:
        """At most so far, the model itself included."""
        return round(max(memory("VmHWM") - self.idle, 0) / 2**20, 2)


Question = Callable[[Asked], Outcome]


def questions(rows: "NDArray[Any]", stage: str) -> Mapping[str, Question]:
    """By name. stage: `speed`, `values`, `shapes` or `alike`; the names follow from the rows alone."""
    if stage == "speed":
        return {f"{size} rows": partial(_speed, size=size) for size in BATCHES}
    if stage == "values":
        own = {"behind NUL": _behind_nul} if rows.dtype == object else {}
        return {odd.name: partial(_answer, odd=odd) for odd in odd_values(rows)} | own
    if stage == "shapes":
        return {odd.name: partial(_answer, odd=odd) for odd in odd_shapes(rows)}
    return {**_ALIKE, **({"beside NaN": partial(_beside, name="NaN everywhere")} if rows.dtype.kind == "f" else {})}


# --- values and shapes --------------------------------------------------------------------------------


def _answer(asked: Asked, odd: Odd) -> Outcome:
    """What became of one odd batch; raises what ONNX Runtime raises."""
    label, probabilities = asked.run(odd.batch)
    told: Outcome = {
        "finite_input": odd.finite,
        "must_answer": odd.must_answer,
        "rows": len(odd.batch),
        "label_shape": list(label.shape),
        "shape": list(probabilities.shape),
        "memory_mb": asked.memory_mb(),
    }
    if probabilities.ndim != 2:
        return told
    return told | {
        "finite": bool(np.isfinite(probabilities).all()),
        "sound": _is_distribution(probabilities),
        "labels_in_range": bool(((label >= 0) & (label < max(probabilities.shape[1], 1))).all()),
    }


def _is_distribution(probabilities: "NDArray[Any]") -> bool:
    if not np.isfinite(probabilities).all():
        return False
    sums = probabilities.sum(axis=1)
    return bool((probabilities >= -_SUMS_TO).all() and (np.abs(sums - 1) <= _SUMS_TO).all())


def _behind_nul(asked: Asked) -> Outcome:
    """Whether a NUL character hides what follows it: all texts then answer as the empty one does."""
    texts = [str(text) for text in asked.rows[:_ALIKE_ROWS].flat]
    empty = asked.run(texts_of([""]))[1]
    hidden, plain = (asked.run(texts_of([mark + text for text in texts]))[1] for mark in ("\0", " "))
    differs = float(np.abs(plain - empty).max())
    return {"hides": bool(differs > 1e-3 and np.abs(hidden - empty).max() < 1e-6)}


# --- alike --------------------------------------------------------------------------------------------


def _alone(asked: Asked) -> Outcome:
    rows = asked.rows[:_ALIKE_ROWS]
    singly = [asked.run(rows[at : at + 1]) for at in range(len(rows))]
    alone = np.concatenate([one[0] for one in singly]), np.concatenate([one[1] for one in singly])
    return _difference(alone, asked.run(rows))


def _reversed(asked: Asked) -> Outcome:
    rows = asked.rows[:_ALIKE_ROWS]
    label, probabilities = asked.run(np.ascontiguousarray(rows[::-1]))
    return _difference((label[::-1], probabilities[::-1]), asked.run(rows))


def _again(asked: Asked) -> Outcome:
    """The largest difference of further calls to the first."""
    rows = asked.rows[:_ALIKE_ROWS]
    first = asked.run(rows)
    return max((_difference(asked.run(rows), first) for _ in range(_AGAIN)), key=lambda told: told["difference"])


def _strided(asked: Asked) -> Outcome:
    """A view with gaps, and in Fortran's order, must be read as the values it shows."""
    rows = asked.rows[:_ALIKE_ROWS]
    wide = np.repeat(rows, 2, axis=0)[::2]
    outcomes = [_difference(asked.run(view), asked.run(rows)) for view in (wide, np.asfortranarray(rows))]
    return max(outcomes, key=lambda told: told["difference"])


def _among_many(asked: Asked) -> Outcome:
    rows = asked.rows[:_ALIKE_ROWS]
    label, probabilities = asked.run(many(asked.rows, 251))
    return _difference((label[: len(rows)], probabilities[: len(rows)]), asked.run(rows))


def _beside_extremes(asked: Asked) -> Outcome:
    return _beside(asked, {"O": "1 MB of words", "f": "float max of both signs"}.get(asked.rows.dtype.kind, "zeros"))


def _beside(asked: Asked, name: str) -> Outcome:
    """Ordinary rows answer alike when an odd row stands between them, as another caller's may."""
    rows = asked.rows[:_ALIKE_ROWS]
    (odd,) = (one for one in odd_values(asked.rows) if one.name == name)
    half = len(rows) // 2
    label, probabilities = asked.run(np.concatenate([rows[:half], odd.batch[:1], rows[half:]]))
    kept = np.delete(np.arange(len(rows) + 1), half)
    return _difference((label[kept], probabilities[kept]), asked.run(rows))


def _difference(left: "tuple[Any, Any]", right: "tuple[Any, Any]") -> Outcome:
    """Of probabilities, NaN counting as 2, and how many labels differ."""
    if left[1].shape != right[1].shape:
        return {"difference": 2.0, "labels": len(right[1])}
    apart = np.nan_to_num(np.abs(left[1] - right[1]), nan=2.0)
    return {"difference": float(apart.max(initial=0.0)), "labels": int((left[0] != right[0]).sum())}


_ALIKE: Mapping[str, Question] = {
    "alone": _alone,
    "in reverse order": _reversed,
    "asked again": _again,
    "as a strided view": _strided,
    "among 251 rows": _among_many,
    "beside extreme rows": _beside_extremes,
}


# --- speed --------------------------------------------------------------------------------------------


def _speed(asked: Asked, size: int) -> Outcome:
    """Milliseconds a call at 50, 95 and 99 %, rows a second, and how many MB the model took at most so far."""
    batch = many(asked.rows, size)
    asked.run(batch)
    seconds: list[float] = []
    while len(seconds) < _FEWEST_CALLS or (sum(seconds) < _SPEED_SECONDS and len(seconds) < _MOST_CALLS):
        started = time.perf_counter()
        asked.run(batch)
        seconds.append(time.perf_counter() - started)
        if sum(seconds) > 10 * _SPEED_SECONDS:
            break
    middle, high, highest = (float(value) * 1e3 for value in np.quantile(seconds, [0.5, 0.95, 0.99]))
    return {
        "batch": size,
        "calls": len(seconds),
        "p50_ms": round(middle, 4),
        "p95_ms": round(high, 4),
        "p99_ms": round(highest, 4),
        "rows_per_second": round(size * len(seconds) / sum(seconds), 1),
        "memory_mb": asked.memory_mb(),
    }


def memory(entry: str) -> int:
    """Bytes: `VmRSS` held now, `VmHWM` at most so far, `VmSize` addresses. 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    found = [line for line in lines if line.startswith(f"{entry}:")]
    return int(found[0].split()[1]) * 1024 if found else 0
