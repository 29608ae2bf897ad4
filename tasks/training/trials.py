"""The trials of a study, drawn once and in full, so that a study repeated or resumed is the same study."""

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import SpecError
from assay.json_types import Json, JsonObject
from assay.spec import SearchRange, TrainSpec

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Trial:
    """One run of the model: its keyword parameters and its seed."""

    index: int
    seed: int
    parameters: JsonObject

    def to_json(self) -> JsonObject:
        return {"index": self.index, "seed": self.seed, "parameters": self.parameters}


@dataclass(frozen=True)
class Plan:
    """trials: at most the budget's number. is_cut: the budget left some of the grid out."""

    trials: tuple[Trial, ...]
    is_cut: bool = False


def plan_trials(spec: TrainSpec) -> Plan:
    """All trials of `spec`. One for `train` and for an executor class; the grid; or `budget.trials` random draws.

    Trial i has seed `spec.seed + i`. Raises SpecError when a range stands in a grid or a search is empty.
    """
    if spec.executor == "grid":
        grid = _grid(spec)
        return Plan(_numbered(spec, grid[: spec.budget.trials]), is_cut=len(grid) > spec.budget.trials)
    if spec.executor in ("random", "asha"):
        return Plan(_numbered(spec, _draws(spec)))
    return Plan(_numbered(spec, [{}]))


def _numbered(spec: TrainSpec, chosen: list[dict[str, Json]]) -> tuple[Trial, ...]:
    return tuple(Trial(index, spec.seed + index, {**spec.parameters, **values}) for index, values in enumerate(chosen))


def _grid(spec: TrainSpec) -> list[dict[str, Json]]:
    axes: list[list[Json]] = []
    for name, values in _searched(spec).items():
        if isinstance(values, SearchRange):
            raise SpecError(f"train.search.{name}: grid needs a list of values, found a range; use random or asha")
        axes.append(list(values))
    return [dict(zip(spec.search, point, strict=True)) for point in itertools.product(*axes)]


def _draws(spec: TrainSpec) -> list[dict[str, Json]]:
    import numpy as np

    generator = np.random.default_rng(spec.seed)
    searched = _searched(spec)
    return [{name: _draw(values, generator) for name, values in searched.items()} for _ in range(spec.budget.trials)]


def _searched(spec: TrainSpec) -> dict[str, SearchRange | list[Json]]:
    if not spec.search:
        raise SpecError(f"train.executor {spec.executor}: expected values under train.search, found none")
    return {name: values if isinstance(values, SearchRange) else [*values] for name, values in spec.search.items()}


def _draw(values: SearchRange | list[Json], generator: "np.random.Generator") -> Json:
    import math

    if not isinstance(values, SearchRange):
        return values[int(generator.integers(len(values)))]
    if values.log:
        drawn = math.exp(generator.uniform(math.log(values.low), math.log(values.high)))
    elif values.integer:
        return int(generator.integers(int(values.low), int(values.high) + 1))
    else:
        drawn = float(generator.uniform(values.low, values.high))
    return round(drawn) if values.integer else drawn
