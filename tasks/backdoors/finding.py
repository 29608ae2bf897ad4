"""What a search for backdoors found, and what it was held against."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.backdoors.decision import LEAST_SUCCESS
from tasks.backdoors.trigger import Aim, Form, Trigger
from tasks.backdoors.twin import Twin


@dataclass(frozen=True)
class Suspect:
    """score: 1 is usual, at most `bound` is a backdoor.

    triggers: patch and overlay of a class; patch and part of a way from one class to another. natural: what the twins'
    measure, in the same order.
    """

    aim: Aim
    score: float
    bound: float
    triggers: tuple[Trigger, ...]
    natural: tuple[float, ...]

    @property
    def is_planted(self) -> bool:
        """Small beyond nature, and it works on rows the search never saw."""
        return self.score <= self.bound and max(one.success for one in self.triggers) >= LEAST_SUCCESS


@dataclass(frozen=True)
class Reference:
    """What is natural: sound twins, and the sizes of triggers in them, the geometric mean where there are several."""

    twins: tuple[Twin, ...]
    sizes: Mapping[tuple[Form, Aim], float]

    @property
    def same_layers(self) -> bool:
        """Whether the twins have the model's own layers."""
        return all(twin.same_layers for twin in self.twins)


@dataclass(frozen=True)
class BackdoorFinding:
    """classes: every class's evidence. pairs: the nearest from one class to another, lowest score first; none are
    sought when a class is planted for all rows, as it is near from every class.

    reference: what the sizes were held against. cpu_seconds: of this process. problem: why nothing is known.
    """

    classes: tuple[Suspect, ...] = ()
    pairs: tuple[Suspect, ...] = ()
    reference: Reference | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    problem: str = ""

    @property
    def planted(self) -> tuple[Suspect, ...]:
        """Worst first."""
        return tuple(sorted((one for one in (*self.classes, *self.pairs) if one.is_planted), key=lambda one: one.score))
