"""What the endpoints share: settings and the engines behind them, each opened when first needed."""

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

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            if self._lineage is not None:
                self._lineage.close()
                self._lineage = None
