"""Attacks by answers alone, one after another, the next on the rows that still stand; each row's worst case counts.

As in `suite`: every row an attack gives back is held against the threat model and asked of the model once more.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tasks.attacks.asking import Asking, Search, answer, run_searches
from tasks.attacks.suite import AttackOutcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.attacks.asking import Predict


LAST = 5  # the last attack mends what the others found, and needs the fewest questions


class RowAttack(Protocol):
    """One way to look for a row that the model gets wrong, by asking."""

    @property
    def name(self) -> str: ...

    def search(self, row: Any, asking: Asking, generator: "np.random.Generator") -> Search[Any]:
        """A row that fooled the model when asked, or None."""
        ...


@dataclass(frozen=True)
class Moved:
    """How far a row was moved: its `changes`, and the least `epsilon` of the threat model that allows them."""

    changes: int
    epsilon: float


# Original and moved row -> how far, or None when the threat model does not allow it.
Law = Callable[[Any, Any], Moved | None]


@dataclass(frozen=True)
class BlackBoxResult:
    """clean, robust: (rows,), right before, and after every attack. adversarial: what fooled the model, else the row.

    moved: of the rows that fell, by place. queries: (rows,), questions asked about each row.
    """

    clean: "NDArray[np.bool_]"
    robust: "NDArray[np.bool_]"
    adversarial: "NDArray[Any]"
    moved: dict[int, Moved]
    queries: "NDArray[np.int64]"
    outcomes: tuple[AttackOutcome, ...]

    @property
    def robust_accuracy(self) -> float:
        """Share of all rows that are right and stay right."""
        return float(self.robust.mean()) if len(self.robust) else 0.0

    def accuracy_at(self, epsilon: float) -> float:
        """Right rows that no move found within a smaller `epsilon` fells; above what an attack aimed there leaves."""
        beyond = [place for place, moved in self.moved.items() if moved.epsilon > epsilon * (1 + 1e-9)]
        return (int(self.robust.sum()) + len(beyond)) / max(len(self.clean), 1)


def run_attacks(
    predict: "Predict",
    inputs: "NDArray[Any]",
    labels: "NDArray[np.int64]",
    attacks: Sequence[RowAttack],
    law: Law,
    queries: int,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> BlackBoxResult:
    """queries: about one row by all attacks together; the last has what the others leave, a fifth at the least.

    Deterministic in the seed. Raises UnusableAnswer.
    """
    import numpy as np

    clean = _right(predict, inputs, labels)
    state = BlackBoxResult(clean, clean.copy(), inputs.copy(), {}, np.zeros(len(inputs), np.int64), ())
    asking = [Asking(int(label), 0) for label in labels]
    outcomes = []
    for number, attack in enumerate(attacks):
        for one in asking:
            one.limit = one.asked + _share(queries, one.asked, len(attacks) - number - 1)
        outcome = _run(attack, predict, inputs, labels, law, asking, (seed, number), state)
        outcomes.append(outcome)
        say(f"{outcome.name}: robust accuracy {outcome.robust_accuracy:.4f} after {outcome.seconds:.1f} s")
    asked = np.array([one.asked for one in asking], np.int64)
    return BlackBoxResult(clean, state.robust, state.adversarial, state.moved, asked, tuple(outcomes))


def _share(queries: int, asked: int, to_come: int) -> int:
    """How many of the questions left an attack may ask, with so many attacks to come."""
    left = queries - asked
    return left if not to_come else max(left - queries // LAST, 0) // to_come


def _run(
    attack: RowAttack,
    predict: "Predict",
    inputs: "NDArray[Any]",
    labels: "NDArray[np.int64]",
    law: Law,
    asking: list[Asking],
    seed: tuple[int, int],
    state: BlackBoxResult,
) -> AttackOutcome:
    """Attack what stands; `state` is brought up to date."""
    import numpy as np

    started, asked = time.perf_counter(), sum(one.asked for one in asking)
    places = np.flatnonzero(state.robust)
    made = run_searches(
        (attack.search(inputs[at], asking[at], np.random.default_rng((*seed, int(at)))) for at in places), predict
    )
    given = {int(at): row for at, row in zip(places, made, strict=True) if row is not None}
    allowed = {at: moved for at, row in given.items() if (moved := law(inputs[at], row)) is not None}
    tried = list(allowed)
    if tried:
        state.adversarial[tried] = _stack([given[at] for at in tried], inputs)
        fell = ~_right(predict, state.adversarial[tried], labels[tried])
        state.robust[tried] = ~fell
        state.moved.update({at: allowed[at] for at, gone in zip(tried, fell, strict=True) if gone})
        stands = [at for at, gone in zip(tried, fell, strict=True) if not gone]
        state.adversarial[stands] = inputs[stands]
    return AttackOutcome(
        name=attack.name,
        robust_accuracy=state.robust_accuracy,
        attacked=len(places),
        fell=len(places) - int(state.robust.sum()),
        outside=len(given) - len(allowed),
        seconds=time.perf_counter() - started,
        forward_passes=sum(one.asked for one in asking) - asked,
        backward_passes=0,
    )


def _right(predict: "Predict", inputs: "NDArray[Any]", labels: "NDArray[np.int64]") -> "NDArray[np.bool_]":
    import numpy as np

    if not len(inputs):
        return np.zeros(0, bool)
    return np.asarray(answer(predict, inputs).argmax(axis=1) == labels)


def _stack(rows: list[Any], like: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    made = np.empty((len(rows), *like.shape[1:]), dtype=like.dtype)
    for place, row in enumerate(rows):
        made[place] = row
    return made
