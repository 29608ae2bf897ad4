"""A place outside the database that keeps signed checkpoints."""

from typing import Protocol

from assay.checkpoint import Checkpoint


class Place(Protocol):
    """url: what people and the ledger call it; no secrets. is_readable: whether `newest` can answer."""

    url: str
    is_readable: bool

    def publish(self, note: str) -> bool:
        """Keep `note`; never lets a smaller one replace a larger. False where the place keeps none.

        Raises EngineUnavailable when it does not answer, IntegrityError when what it holds was changed.
        """

    def newest(self, known: int) -> Checkpoint | None:
        """The largest checkpoint it holds, None for none. known: a size that was published there, 0 for none.

        Raises EngineUnavailable, IntegrityError.
        """
