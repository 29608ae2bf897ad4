"""Models of tables whose weakness is known: an attack that leaves the weak one standing is blind, one that fells the
strong one lies.

The weak model goes by a number that lies within reach of its threshold, or by a code. The strong ones go by a number
that lies just out of reach, by more columns than may change, and by a column that is out of the attacker's hands.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.spec import FeatureThreat
from tasks.attacks.black_box import BlackBoxResult, RowAttack, run_attacks
from tasks.attacks.features.constraints import Constraints, learn_constraints
from tasks.attacks.features.law import within

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.attacks.features.searches import Donors

    Make = Callable[[Constraints, Donors], RowAttack]

_ROWS, _KNOWN, _QUERIES = 8, 200, 600
_NUMBER, _CODE, _FIXED = 0, 1, 2
_BEGIN = 3  # columns from here on are numbers that count together


def sees(make: "Make", threat: FeatureThreat, seed: int = 0) -> str:
    """Why an attack must not be believed within `threat`, in words; empty when it does what it should."""
    known, rows, constraints = _table(threat, seed)
    attack = make(constraints, {1: known})
    fare, name = partial(_fare, attack, threat, constraints, rows, seed), attack.name
    weak = (fare(_beyond(_NUMBER, 0.9 * threat.epsilon)), fare(_beyond(_CODE, 0.5)))
    strong = [fare(_beyond(_FIXED, 0.01 * threat.epsilon)), fare(_any_low(threat.epsilon / 2))]
    if threat.epsilon < 0.9:
        strong.append(fare(_beyond(_NUMBER, 1.1 * threat.epsilon)))
    if any(one.outside for result in (*weak, *strong) for one in result.outcomes):
        return f"{name} went beyond its threat model on a model known to be weak"
    standing = max(result.robust_accuracy for result in weak)
    if standing > 0:
        return f"{name} broke {1 - standing:.0%} of the rows of a model known to be weak, all demanded"
    if any(not result.robust.all() for result in strong):
        return f"{name} claims rows that are known to stand"
    return ""


def _table(threat: FeatureThreat, seed: int) -> "tuple[NDArray[Any], NDArray[Any], Constraints]":
    """Rows an attacker knows, over the whole range [0, 1]; rows of zeros to attack; and what holds of both."""
    import numpy as np

    generator = np.random.default_rng(seed)
    columns = _BEGIN + min(threat.most, 20) + 1
    known = generator.uniform(0, 1, (_KNOWN, columns)).astype(np.float32)
    known[0], known[1] = 0, 1
    known[:, _CODE] = generator.integers(0, 3, _KNOWN) / 2
    known[:2, _CODE] = 0, 1
    rows = np.zeros((_ROWS, columns), np.float32)
    return known, rows, learn_constraints(known, frozenset({_FIXED}))


def _beyond(column: int, threshold: float) -> "Callable[[NDArray[Any]], NDArray[np.float64]]":
    """How far a column lies below the threshold."""
    return lambda rows: threshold - rows[:, column].astype(float)


def _any_low(threshold: float) -> "Callable[[NDArray[Any]], NDArray[np.float64]]":
    """How far the lowest of the columns that count together lies below the threshold."""
    return lambda rows: threshold - rows[:, _BEGIN:].astype(float).min(axis=1)


def _fare(
    attack: RowAttack,
    threat: FeatureThreat,
    constraints: Constraints,
    rows: "NDArray[Any]",
    seed: int,
    distance: "Callable[[NDArray[Any]], NDArray[np.float64]]",
) -> BlackBoxResult:
    """The attack on a model that says 1 while `distance` is above zero."""
    import numpy as np

    def predict(asked: "NDArray[Any]") -> "NDArray[np.float64]":
        odds = 1 / (1 + np.exp(-10 * distance(asked)))
        return np.stack([1 - odds, odds], axis=1)

    labels = np.ones(len(rows), np.int64)
    return run_attacks(predict, rows, labels, [attack], partial(within, threat, constraints), _QUERIES, seed)
