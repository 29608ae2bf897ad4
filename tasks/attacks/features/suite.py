"""How a model of a table stands when some columns change: two attacks by answers alone, every row held to the law."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.records import Check
from assay.spec import FeatureThreat
from tasks.attacks.black_box import BlackBoxResult, RowAttack, run_attacks
from tasks.attacks.features.canaries import sees
from tasks.attacks.features.constraints import Constraints
from tasks.attacks.features.law import within
from tasks.attacks.features.searches import ChangeBestColumns, Evolve
from tasks.attacks.trust import UNBOUNDED_QUERIES, attack_check, unbounded_check

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.attacks.asking import Predict
    from tasks.attacks.features.searches import Donors

_MOST_DONORS = 500


@dataclass(frozen=True)
class FeaturesResult:
    """found: row by row. checks: whether that can be believed."""

    found: BlackBoxResult
    checks: tuple[Check, ...]


def attack_features(
    predict: "Predict",
    inputs: "NDArray[Any]",
    labels: "NDArray[np.int64]",
    constraints: Constraints,
    threat: FeatureThreat,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
    corpus: "tuple[NDArray[Any], NDArray[np.int64]] | None" = None,
) -> FeaturesResult:
    """Attack rows (rows, columns). predict: float32 rows to probabilities (rows, classes).

    corpus: rows and labels an attacker may know, by default those attacked. Deterministic in the seed. Raises
    UnusableAnswer for answers that are no probabilities.
    """
    import numpy as np

    inputs = np.ascontiguousarray(inputs, np.float32)
    known, known_labels = corpus or (inputs, labels)
    known = np.ascontiguousarray(known, np.float32)
    donors = {int(label): known[known_labels != label][:_MOST_DONORS] for label in np.unique(labels)}
    made = makers(threat)
    attacks = [make(constraints, donors) for make in made]
    law = partial(within, threat, constraints)
    found = run_attacks(predict, inputs, labels, attacks, law, threat.queries, seed, say)
    outside = {one.name: one.outside for one in found.outcomes}
    checks = (
        attack_check(one.name, sees(make, threat, seed), outside[one.name])
        for one, make in zip(attacks, made, strict=True)
    )
    free = threat.model_copy(update={"epsilon": 1.0, "most": max(len(constraints.columns), 1)})
    anything = replace(constraints, fixed=frozenset())
    freely = partial(
        run_attacks,
        attacks=[make(anything, donors) for make in makers(free)],
        law=partial(within, free, anything),
        queries=max(threat.queries, UNBOUNDED_QUERIES),
        seed=seed,
    )
    unbounded = unbounded_check(found, lambda chosen: freely(predict, inputs[chosen], labels[chosen]))
    return FeaturesResult(found, (*checks, unbounded))


def makers(threat: FeatureThreat) -> "tuple[Callable[[Constraints, Donors], RowAttack], ...]":
    """The one that looks at every column first."""
    return lambda constraints, _: ChangeBestColumns(threat, constraints), partial(Evolve, threat)
