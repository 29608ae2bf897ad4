"""What a search for backdoors found, and what it was held against."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.backdoors.decision import LEAST_SUCCESS, TRANSFER_BOUND
from tasks.backdoors.trigger import Aim, Form, Trigger
from tasks.backdoors.twin import Twin


@dataclass(frozen=True)
class Suspect:
    """score: 1 is usual, at most `bound` is a backdoor.

    triggers: patch and overlay of a class; patch and part of a way from one class to another. natural: what the twins'
    measure, in the same order. transfer: how far the triggers work on the twins, see `transfer`; 0 where not asked.
    """

    aim: Aim
    score: float
    bound: float
    triggers: tuple[Trigger, ...]
    natural: tuple[float, ...]
    transfer: float = 0.0

    @property
    def is_planted(self) -> bool:
        """Small beyond nature, this network's own, and it works on rows the search never saw."""
        works = max(one.success for one in self.triggers) >= LEAST_SUCCESS
        return self.score <= self.bound and self.transfer < TRANSFER_BOUND and works

    @property
    def is_shared(self) -> bool:
        """Small beyond nature, but of the data: sound twins fall to it as well."""
        return self.score <= self.bound and self.transfer >= TRANSFER_BOUND

    @property
    def excuse(self) -> str:
        """Why it is no backdoor although its score is within the bound, to follow the score; "" where it is not so."""
        return f", which sound twins share ({self.transfer:.0%} of what theirs do)" if self.is_shared else ""


@dataclass(frozen=True)
class Reference:
    """What is natural: sound twins, and the sizes of triggers in them, the geometric mean where there are several.

    triggers: of each class, one a twin in their order.
    """

    twins: tuple[Twin, ...]
    sizes: Mapping[tuple[Form, Aim], float]
    triggers: Mapping[tuple[Form, Aim], tuple[Trigger, ...]]

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
