"""The ledger of this deployment, for one command."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.ledger import Ledger


@contextlib.contextmanager
def open_ledger() -> "Iterator[Ledger]":
    """Closed afterwards. Raises SpecError, EngineUnavailable."""
    from assay.ledger import Ledger
    from assay.settings import load_settings

    with contextlib.closing(Ledger.open(load_settings())) as ledger:
        yield ledger
