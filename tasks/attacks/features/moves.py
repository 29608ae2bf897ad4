"""Values that an attribute of a row may take within a threat model."""

from bisect import bisect_left, bisect_right
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from assay.spec import FeatureThreat
from tasks.attacks.features.constraints import Column, Constraints

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The values of an attribute's columns, in their order.
Values = tuple[float, ...]
Attribute = tuple[int, ...]
# What is changed: attribute -> its new values.
State = dict[Attribute, Values]


def options(
    threat: FeatureThreat, constraints: Constraints, row: "NDArray[Any]", attribute: Attribute, most: int
) -> list[Values]:
    """At most so many other values: those that data know, both ends, and evenly spaced ones where there is room."""
    if len(attribute) > 1:
        return _thinned([one for one in _members(len(attribute)) if one != _current(row, attribute)], most)
    column, now = constraints.columns[attribute[0]], float(row[attribute[0]])
    if column.is_code:
        return _thinned([(value,) for value in column.values if value != now], most)
    low, high = reach(column, now, threat.epsilon)
    inside = column.grid[bisect_left(column.grid, low) : bisect_right(column.grid, high)]
    known = {low, *inside, high}
    between = range(1, max(most - len(known), 0) + 1)
    known |= {_within(column, low + (high - low) * step / (len(between) + 1), low, high) for step in between}
    return _thinned([(value,) for value in sorted(known - {now})], most)


def drawn(
    threat: FeatureThreat,
    constraints: Constraints,
    row: "NDArray[Any]",
    attribute: Attribute,
    generator: "np.random.Generator",
) -> Values:
    """Allowed values at random, those of the row among them."""
    if len(attribute) > 1:
        return _members(len(attribute))[int(generator.integers(len(attribute)))]
    column = constraints.columns[attribute[0]]
    if column.is_code:
        return (column.values[int(generator.integers(len(column.values)))],)
    low, high = reach(column, float(row[attribute[0]]), threat.epsilon)
    return (_within(column, float(generator.uniform(low, high)), low, high),)


def reach(column: Column, now: float, epsilon: float) -> tuple[float, float]:
    """Lowest and highest value within epsilon of the range, exact in float32."""
    radius = epsilon * column.span
    low, high = max(column.low, now - radius), min(column.high, now + radius)
    if column.whole:
        return float(ceil(low - 1e-9)), float(floor(high + 1e-9))
    return _inward(low, now), _inward(high, now)


def nearer(column: Column, now: float, value: float, share: float) -> float:
    """The value moved back towards `now`, by this share of its way."""
    back = value + share * (now - value)
    return _within(column, back, min(now, value), max(now, value))


def changed(row: "NDArray[Any]", state: State) -> "NDArray[Any]":
    """The row with these values."""
    made = row.copy()
    for attribute, values in state.items():
        made[list(attribute)] = values
    return made


def projected(
    threat: FeatureThreat, constraints: Constraints, row: "NDArray[Any]", donor: "NDArray[Any]", attribute: Attribute
) -> Values:
    """The donor's values of the attribute, as near to them as the row may get."""
    if len(attribute) > 1 or constraints.columns[attribute[0]].is_code:
        return _current(donor, attribute)
    column = constraints.columns[attribute[0]]
    low, high = reach(column, float(row[attribute[0]]), threat.epsilon)
    return (_within(column, float(donor[attribute[0]]), low, high),)


def _current(row: "NDArray[Any]", attribute: Attribute) -> Values:
    return tuple(float(row[at]) for at in attribute)


def _members(size: int) -> list[Values]:
    return [tuple(float(at == one) for at in range(size)) for one in range(size)]


def _within(column: Column, value: float, low: float, high: float) -> float:
    value = float(round(value)) if column.whole else _single(value)
    return min(max(value, low), high)


def _single(value: float) -> float:
    """As a float32, so that what is judged is what is asked."""
    import numpy as np

    return float(np.float32(value))


def _inward(value: float, now: float) -> float:
    """The nearest float32 that is no farther from `now`."""
    import numpy as np

    single = np.float32(value)
    if abs(float(single) - now) > abs(value - now):
        single = np.nextafter(single, np.float32(now))
    return float(single)


def _thinned(found: list[Values], most: int) -> list[Values]:
    if len(found) <= most:
        return found
    if most < 2:
        return found[-most:] if most else []
    return [found[round(at * (len(found) - 1) / (most - 1))] for at in range(most)]
