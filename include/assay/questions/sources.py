"""What questions are answered from, opened together: the ledger, the graph that holds all of it, the store."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from assay.ledger import Ledger
from assay.lineage.open_lineage import open_lineage
from assay.lineage.store import LineageStore
from assay.settings import Settings
from assay.store import Store, open_store


@dataclass(frozen=True)
class Sources:
    """lineage: synced, so that it holds all that the ledger holds."""

    settings: Settings
    ledger: Ledger
    lineage: LineageStore

    @cached_property
    def store(self) -> Store:
        """Opened when it is needed: most questions read signed statements alone."""
        return open_store(self.settings)


@contextlib.contextmanager
def open_sources(settings: Settings) -> Iterator[Sources]:
    """Raises SpecError without a database, EngineUnavailable when it is away, IntegrityError on tampering."""
    with contextlib.closing(Ledger.open(settings)) as ledger, open_lineage(settings, ledger) as lineage:
        yield Sources(settings, ledger, lineage)
