"""What the endpoints share: settings and the engines behind them, each opened when first needed."""

import contextlib
import threading

from assay.lineage.store import LineageStore
from assay.settings import Settings


class Ports:
    """Opened lazily, so that the API can start before PostgreSQL; kept once open."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._lineage: LineageStore | None = None

    def lineage(self) -> LineageStore:
        """The lineage store. Raises EngineUnavailable while PostgreSQL is away."""
        with self._lock:
            if self._lineage is None:
                self._lineage = LineageStore.open(self.settings)
            return self._lineage

    def synced_lineage(self) -> LineageStore:
        """The lineage store after it read what the ledger has gained. Raises IntegrityError on tampering."""
        from assay.ledger import Ledger
        from assay.lineage.sync import is_behind, sync_from_ledger

        store = self.lineage()
        if is_behind(store):
            with contextlib.closing(Ledger.open(self.settings)) as ledger:
                sync_from_ledger(ledger, store)
        return store

    def ledger_entries(self) -> int:
        """How many entries the ledger holds."""
        from assay.ledger import Ledger

        with contextlib.closing(Ledger.open(self.settings)) as ledger:
            return ledger.size()

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            if self._lineage is not None:
                self._lineage.close()
                self._lineage = None
