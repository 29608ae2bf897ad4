"""How many rows to attack: as many as resolve the gate's bound, and no more once the answer is certain.

A look before the last one may end the attack only on an interval of 99.9 %, so that looking more than once costs the
final interval next to nothing (Haybittle 1971; Peto et al. 1976).
"""

from collections.abc import Iterator, Sequence

from assay.spec import MetricRule, PipelineSpec
from tasks.examination.clean import wilson

WITHOUT_BOUND = 1000
RESOLVED = 0.02
_Z95, _Z999 = 1.959963984540054, 3.2905267314919255
_SHARES, _FEWEST = (0.25, 0.5, 1.0), 100


def bounds_on(spec: PipelineSpec, metric: str) -> tuple[float, ...]:
    """What the gate's rules demand of `metric`: shares in [0, 1]."""
    rules = [rule for rule in spec.gate if isinstance(rule, MetricRule) and rule.metric == metric]
    return tuple(bound for rule in rules for bound in (rule.min, rule.max) if bound is not None)


def rows_wanted(samples: int | None, bounds: Sequence[float]) -> int:
    """The spec's number; without one, what makes the 95 % interval reach 0.02 to each side of the closest call."""
    if samples is not None:
        return samples
    if not bounds:
        return WITHOUT_BOUND
    widest = max(bound * (1 - bound) for bound in bounds)
    return max(_FEWEST, round(widest * (_Z95 / RESOLVED) ** 2))


def looks(rows: int, bounds: Sequence[float]) -> Iterator[slice]:
    """The parts of `rows`, after each of which one asks whether the answer is certain; one part without bounds."""
    ends = sorted({max(_FEWEST, round(share * rows)) for share in _SHARES if bounds} | {rows})
    start = 0
    for end in (end for end in ends if end <= rows):
        yield slice(start, end)
        start = end


def is_certain(hits: int, rows: int, bounds: Sequence[float]) -> bool:
    """Whether `hits` of `rows` are on one side of every bound, on an interval of 99.9 %."""
    low, high = wilson(hits, rows, _Z999)
    return bool(bounds) and all(not low <= bound <= high for bound in bounds)
