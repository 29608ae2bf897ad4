"""How well a copy that learned from a model's answers agrees with it (Tramèr et al. 2016), by questions asked.

Questions are rows that the model never saw; the copy is judged on others. Beside it stands a copy that learned the true
labels of the same rows: what it agrees on already was no secret of the model, but knowledge of the task.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.json_types import JsonObject
from tasks.examination.clean import Interval, wilson
from tasks.privacy.copies import train_copy
from tasks.privacy.leaks import plane_labels
from tasks.privacy.perturbation import measure_noise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # Raw inputs to probabilities (rows, classes).
    Asked = Callable[[NDArray[Any]], NDArray[Any]]

LEAST_OF_PLANE = 0.75
_NOISE = 0.1
_QUERIES_OF_PLANE = 500


@dataclass(frozen=True)
class Agreement:
    """value: share of the judged rows on which copy and model give the same label; Wilson's 95 % interval."""

    value: float
    ci95: Interval

    def to_json(self) -> JsonObject:
        return {"value": self.value, "ci95": list(self.ci95)}


@dataclass(frozen=True)
class Stolen:
    """What `queries` questions give, of which `rows` are rows as they are, the others the same rows a little changed.

    by_probabilities, by_labels: of copies that learned the answers. by_truth: of one that learned the true labels.
    """

    queries: int
    rows: int
    by_probabilities: Agreement
    by_labels: Agreement
    by_truth: Agreement

    @property
    def best(self) -> Agreement:
        return max(self.by_probabilities, self.by_labels, key=lambda one: one.value)

    def to_json(self) -> JsonObject:
        return {
            "queries": self.queries,
            "rows": self.rows,
            "by_probabilities": self.by_probabilities.to_json(),
            "by_labels": self.by_labels.to_json(),
            "by_truth": self.by_truth.to_json(),
        }


@dataclass(frozen=True)
class Halves:
    """asked, labels: what the attacker has, and the truth of it. judged: what the copies are compared on."""

    asked: "NDArray[Any]"
    labels: "NDArray[np.int64]"
    judged: "NDArray[Any]"


def steal(ask: "Asked", halves: Halves, queries: Sequence[int], seed: int) -> Iterator[Stolen]:
    """For each number of questions, rising: three copies, each compared with the model. Asks every question once."""
    import numpy as np

    inputs, labels = questions(halves, max(queries), seed)
    answers, expected = ask(inputs).astype(np.float64), ask(halves.judged).argmax(1)
    one_hot = np.eye(max(answers.shape[1], int(labels.max()) + 1))
    for count in sorted(set(queries)):

        def agreement(learned: "NDArray[np.float64]", count: int = count) -> Agreement:
            same = train_copy(inputs[:count], learned[:count], seed)(halves.judged) == expected
            return Agreement(float(same.mean()), wilson(int(same.sum()), len(same)))

        by_labels, by_truth = agreement(one_hot[answers.argmax(1)]), agreement(one_hot[labels])
        yield Stolen(count, min(count, len(halves.asked)), agreement(answers), by_labels, by_truth)


def questions(halves: Halves, count: int, seed: int) -> tuple["NDArray[Any]", "NDArray[np.int64]"]:
    """The first `count` rows and their labels; once these are used up, the same rows with a little noise.

    Fewer questions are the first of more.
    """
    import numpy as np

    have = len(halves.asked)
    if count <= have:
        return halves.asked[:count], halves.labels[:count]
    generator, noise = np.random.default_rng(seed), measure_noise(halves.asked)
    again = np.arange(count - have) % have
    changed = noise.apply(halves.asked[again], _NOISE, generator)
    return np.concatenate([halves.asked, changed]), np.concatenate([halves.labels, halves.labels[again]])


def plane_fidelity(halves: Halves, seed: int) -> float:
    """Agreement with a copy of a plane through the same rows, which any copy worth the name learns."""
    import numpy as np

    count = min(_QUERIES_OF_PLANE, len(halves.asked))
    asked = halves.asked[:count]
    sides = plane_labels(np.concatenate([asked, halves.judged]), seed)
    copy = train_copy(asked, np.eye(2)[sides[:count]], seed)
    return float((copy(halves.judged) == sides[count:]).mean())
