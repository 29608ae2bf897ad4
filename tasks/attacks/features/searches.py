"""Two ways to change a row until the model errs: column by column the best first, and generations of random changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.spec import FeatureThreat
from tasks.attacks.asking import Asking, Search
from tasks.attacks.features.constraints import Constraints
from tasks.attacks.features.moves import (
    Attribute,
    State,
    Values,
    changed,
    drawn,
    nearer,
    options,
    projected,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # By label: rows of other labels.
    Donors = dict[int, NDArray[Any]]

_GRIDS = 12, 64, 256
_WIDTH = 5
_KEPT, _CHILDREN, _MOST_STALE = 12, 32, 8
_MOST_SHORTENING = 40
Move = tuple[Attribute, Values]


@dataclass(frozen=True)
class ChangeBestColumns:
    """Every column alone over a grid of its values, then the best moves together, five states at a time."""

    threat: FeatureThreat
    constraints: Constraints
    name: str = "best-columns"

    def search(self, row: Any, asking: Asking, generator: "np.random.Generator") -> Search[Any]:
        found = yield from self._look(row, asking, generator)
        if found is None and self.threat.most > 1:
            found = yield from self._combine(row, asking)
        return None if found is None else (yield from _shortened(self.constraints, row, asking, found))

    def _look(self, row: "NDArray[Any]", asking: Asking, generator: "np.random.Generator") -> "Search[State | None]":
        """Single moves, on ever finer grids, for half of the questions where moves may be combined; all is noted."""
        until = asking.asked + (asking.left // 2 if self.threat.most > 1 else asking.left)
        for finest in _GRIDS:
            new = self._singles(row, asking, finest, until - asking.asked, generator)
            if not new:
                continue
            margins = yield from _margins(row, asking, [dict([move]) for move in new])
            asking.noted.update(zip(new, margins.tolist(), strict=True))
            if margins.min() < 0:
                return dict([new[int(margins.argmin())]])
        return None

    def _combine(self, row: "NDArray[Any]", asking: Asking) -> "Search[State | None]":
        """The best moves of different columns together, one more column a round."""
        ranked = sorted(asking.noted, key=lambda move: asking.noted[move])
        kept: list[State] = [dict([move]) for move in ranked[:_WIDTH]]
        for rounds_left in range(self.threat.most - 1, 0, -1):
            states = self._longer(kept, ranked, asking.left // rounds_left // _WIDTH)
            if not states:
                return None
            margins = yield from _margins(row, asking, states)
            if margins.min() < 0:
                return states[int(margins.argmin())]
            kept = [states[at] for at in margins.argsort(kind="stable")[:_WIDTH]]
        return None

    def _singles(
        self, row: "NDArray[Any]", asking: Asking, finest: int, questions: int, generator: "np.random.Generator"
    ) -> list[Move]:
        """Moves not asked about yet, as many values a column as there are questions for; of too many columns some."""
        attributes = self.constraints.attributes
        if len(attributes) > questions:
            chosen = sorted(generator.permutation(len(attributes))[: max(questions, 0)])
            attributes = tuple(attributes[at] for at in chosen)
        while finest > 0:
            moves = [
                (attribute, values)
                for attribute in attributes
                for values in options(self.threat, self.constraints, row, attribute, finest)
            ]
            new = [move for move in moves if move not in asking.noted]
            if len(new) <= questions:
                return new
            finest //= 2
        return []

    def _longer(self, kept: Sequence[State], ranked: Sequence[Move], each: int) -> list[State]:
        """Each kept state with each of the best moves of a column that it leaves alone."""
        found: dict[frozenset[Move], State] = {}
        for state in kept:
            for attribute, values in [move for move in ranked if move[0] not in state][:each]:
                longer = {**state, attribute: values}
                found.setdefault(frozenset(longer.items()), longer)
        return list(found.values())


@dataclass(frozen=True)
class Evolve:
    """Random changes, some towards rows of another class; the best twelve have children (Alzantot et al. 2019)."""

    threat: FeatureThreat
    constraints: Constraints
    donors: "Donors"
    name: str = "generations"

    def search(self, row: Any, asking: Asking, generator: "np.random.Generator") -> Search[Any]:
        if not self.constraints.attributes:
            return None
        best = sorted(asking.noted.items(), key=lambda one: one[1])[:_KEPT]
        kept: list[tuple[float, State]] = [(margin, dict([move])) for move, margin in best]
        seen, stale = {frozenset([move]) for move in asking.noted}, 0
        while asking.left > 0 and stale < _MOST_STALE:
            parents = [state for _, state in kept] or [{}]
            born = (self._child(row, parents, asking.label, generator) for _ in range(min(_CHILDREN, asking.left)))
            new = {key: child for child in born if (key := frozenset(child.items())) not in seen}
            seen |= set(new)
            stale = 0 if len(new) > _CHILDREN // 8 else stale + 1
            if not new:
                continue
            made = list(new.values())
            margins = yield from _margins(row, asking, made)
            if margins.min() < 0:
                return (yield from _shortened(self.constraints, row, asking, made[int(margins.argmin())]))
            kept = sorted([*kept, *zip(margins.tolist(), made, strict=True)], key=lambda one: one[0])[:_KEPT]
        return None

    def _child(
        self, row: "NDArray[Any]", parents: Sequence[State], label: int, generator: "np.random.Generator"
    ) -> State:
        """One of the parents, at times crossed with another, with one to all of its room for change drawn anew."""
        child = dict(parents[int(len(parents) * generator.random() ** 2)])
        if generator.random() < 0.3:
            child |= parents[int(generator.integers(len(parents)))]
        attributes = self.constraints.attributes
        donors = self.donors.get(label)
        towards = donors is not None and len(donors) > 0 and generator.random() < 0.5
        donor = donors[int(generator.integers(len(donors)))] if towards and donors is not None else None
        for _ in range(int(generator.integers(1, 1 + min(self.threat.most, len(attributes))))):
            attribute = attributes[int(generator.integers(len(attributes)))]
            child.pop(attribute, None)
            child[attribute] = (
                drawn(self.threat, self.constraints, row, attribute, generator)
                if donor is None
                else projected(self.threat, self.constraints, row, donor, attribute)
            )
        while len(child) > self.threat.most:
            child.pop(list(child)[int(generator.integers(len(child)))])
        return child


def _margins(row: "NDArray[Any]", asking: Asking, states: "Sequence[State]") -> "Search[NDArray[np.float64]]":
    import numpy as np

    return (yield from asking.margins(np.stack([changed(row, state) for state in states])))


def _shortened(constraints: Constraints, row: "NDArray[Any]", asking: Asking, state: State) -> "Search[NDArray[Any]]":
    """A row that fools the model still, with fewer columns changed, and numbers moved less."""
    until = asking.asked + _MOST_SHORTENING
    while len(state) > 1:
        fewer = [{one: values for one, values in state.items() if one != left} for left in state]
        margins = yield from _margins(row, asking, fewer)
        if margins.min() >= 0:
            break
        state = fewer[int(margins.argmin())]
    share = 0.5
    while share > 1 / 16 and asking.asked < until:
        nearer_states = _nearer(constraints, row, state, share)
        if not nearer_states:
            break
        margins = yield from _margins(row, asking, nearer_states)
        if margins.min() < 0:
            state = nearer_states[int((margins < 0).argmax())]
        else:
            share /= 2
    return changed(row, state)


def _nearer(constraints: Constraints, row: "NDArray[Any]", state: State, share: float) -> list[State]:
    """All numbers moved back by this share of their way, then each alone."""
    numbers: State = {}
    for attribute, values in state.items():
        column = constraints.columns[attribute[0]]
        if len(attribute) == 1 and not column.is_code:
            back = nearer(column, float(row[attribute[0]]), values[0], share)
            if back not in (values[0], float(row[attribute[0]])):
                numbers[attribute] = (back,)
    single = [{**state, attribute: back} for attribute, back in numbers.items()] if len(numbers) > 1 else []
    return [{**state, **numbers}, *single] if numbers else []
