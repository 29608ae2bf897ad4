"""What a detector is asked about: the rows, what is trusted, the tolerated rate, and work that detectors share."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tasks.screening.rows import ScreenRows
from tasks.screening.space import Space, project

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.image_marks import Mark
    from tasks.screening.image_suspicion import Suspicion
    from tasks.screening.token_evidence import TokenEvidence


@dataclass(frozen=True)
class Case:
    """rows: the dataset. trusted: rows known to be sound, of the same columns and classes, or None.

    false_quarantine_rate: the share of sound rows that may be kept out, in (0, 1); a detector uses its part of it.
    Shared work is made on first use and kept: a case is judged by several detectors.
    """

    rows: ScreenRows
    trusted: ScreenRows | None = None
    false_quarantine_rate: float = 0.01
    seed: int = 0

    @cached_property
    def space(self) -> Space | None:
        """The rows as points."""
        return project(self.rows, self.seed)

    @cached_property
    def token_evidence(self) -> "TokenEvidence | None":
        """What each token of the texts says about the label; None when the rows have no text."""
        from tasks.screening.token_evidence import fit_token_evidence

        return None if self.rows.texts is None else fit_token_evidence(self.rows, self.trusted, self.seed)

    @cached_property
    def image_suspicion(self) -> "Suspicion":
        """How much each row looks as if it bore a trigger; the rows must be images of one shape."""
        from tasks.screening.image_suspicion import suspect_triggers

        marked = {place for mark in self.image_marks if mark.certain for place in mark.places.tolist()}
        return suspect_triggers(self.rows, self.trusted, marked, self.seed)

    @cached_property
    def image_marks(self) -> "list[Mark]":
        """Patterns that part of a class bears; the rows must be images of one shape."""
        from tasks.screening.image_marks import find_marks

        return find_marks(self.rows, self.seed)

    @cached_property
    def out_of_fold(self) -> "NDArray[np.float64] | None":
        """(rows, classes) probabilities, each row's from a model that has not seen it."""
        from tasks.screening.cross_validation import out_of_fold

        if self.token_evidence is not None:
            return self.token_evidence.probabilities
        return out_of_fold(self.rows, self.space, self.seed)
