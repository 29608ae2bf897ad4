"""Many searches that may only ask a served model, run side by side so that their questions fill its batches."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from assay.errors import SpecError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Predict = Callable[[NDArray[Any]], NDArray[Any]]

BATCH = 256
_LEAST = 1e-40  # float32 holds less, but flushes it to zero

Found = TypeVar("Found")
# Yields inputs, is sent their probabilities (inputs, classes), and returns what it found.
Search = Generator["NDArray[Any]", "Floats", Found]


class UnusableAnswer(SpecError):
    """The model answers with something that is no probability; no accuracy can be told from it."""


@dataclass
class Asking:
    """What may be asked about one row: at most `limit` questions. noted: what single moves were seen to do."""

    label: int
    limit: int
    asked: int = 0
    noted: dict[Any, float] = field(default_factory=dict)

    @property
    def left(self) -> int:
        return self.limit - self.asked

    def margins(self, inputs: "NDArray[Any]") -> "Search[Floats]":
        """(inputs,): log-odds of the label against the likeliest other class, below 0 where the model errs.

        Infinite for what is beyond the limit and was never asked.
        """
        import numpy as np

        found = np.full(len(inputs), np.inf)
        part = inputs[: max(self.left, 0)]
        if len(part):
            self.asked += len(part)
            found[: len(part)] = margin((yield part), self.label)
        return found


def margin(probabilities: "Floats", label: int) -> "Floats":
    """(rows,): log p of the label minus log p of the likeliest other class."""
    import numpy as np

    logs = np.log(np.maximum(probabilities, _LEAST))
    others = np.delete(logs, label, axis=1).max(axis=1)
    return np.asarray(logs[:, label] - others)


def texts(strings: Iterable[str]) -> "NDArray[Any]":
    """Strings as the object array that a text model is asked with."""
    import numpy as np

    listed = list(strings)
    made = np.empty(len(listed), dtype=object)
    made[:] = listed
    return made


def run_searches(searches: "Iterable[Search[Found]]", predict: "Predict", batch: int = BATCH) -> list[Found]:
    """What each search returns, in their order. Raises UnusableAnswer for answers that are no probabilities."""
    import numpy as np

    waiting = deque(enumerate(searches))
    found: dict[int, Found] = {}
    asking: dict[int, tuple[Search[Found], NDArray[Any]]] = {}
    while waiting or asking:
        while waiting and sum(len(inputs) for _, inputs in asking.values()) < batch:
            number, search = waiting.popleft()
            _advance(number, search, None, asking, found)
        if not asking:
            continue
        asked = dict(asking)
        answers = answer(predict, np.concatenate([inputs for _, inputs in asked.values()]), batch)
        start = 0
        for number, (search, inputs) in asked.items():
            _advance(number, search, answers[start : start + len(inputs)], asking, found)
            start += len(inputs)
    return [found[number] for number in sorted(found)]


def answer(predict: "Predict", inputs: "NDArray[Any]", batch: int = BATCH) -> "Floats":
    """Probabilities (rows, classes). Raises UnusableAnswer when they are none."""
    import numpy as np

    parts = [np.asarray(predict(inputs[at : at + batch]), np.float64) for at in range(0, len(inputs), batch)]
    if any(part.ndim != 2 or part.shape[1] < 2 for part in parts):
        raise UnusableAnswer(f"expected probabilities (rows, classes), found the shape {parts[0].shape}")
    answers = np.concatenate(parts)
    if len(answers) != len(inputs):
        raise UnusableAnswer(f"expected an answer to each of {len(inputs)} inputs, found {len(answers)}")
    bad = ~(np.isfinite(answers).all(axis=1) & (answers >= 0).all(axis=1))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise UnusableAnswer(
            f"{int(bad.sum())} of {len(inputs)} answers are no probabilities, such as {answers[first].tolist()}"
        )
    return answers


def _advance(
    number: int,
    search: "Search[Found]",
    answers: "Floats | None",
    asking: "dict[int, tuple[Search[Found], NDArray[Any]]]",
    found: dict[int, Found],
) -> None:
    """Let one search go on to its next question, or note what it found."""
    try:
        inputs = next(search) if answers is None else search.send(answers)
    except StopIteration as end:
        found[number] = end.value
        asking.pop(number, None)
    else:
        asking[number] = search, inputs
