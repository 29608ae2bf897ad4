"""Keeps lineage close to the ledger: a few new entries are read at once, many in the background, and that is told."""

import contextlib
import threading
from collections.abc import Callable

from assay.ledger import Ledger
from assay.lineage.store import LineageStore
from assay.lineage.sync import is_behind, sync_from_ledger

_AT_ONCE = 500  # entries that a page waits for: about a second
_GAP = """
    SELECT (SELECT count(*) FROM (SELECT 1 FROM assay_ledger.entries WHERE seq >= read.entries LIMIT %s) more)
    FROM (SELECT coalesce(max(entries), 0) AS entries FROM assay_lineage.progress) read
"""
OpenLedger = Callable[[], contextlib.AbstractContextManager[Ledger]]


class CatchUp:
    """One background reader at most. What it found wrong is raised to whoever looks next.

    is_behind: whether lineage was still being read when it was last handed out.
    """

    def __init__(self) -> None:
        self.is_behind = False
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._error: Exception | None = None

    def catch_up(self, store: LineageStore, open_ledger: OpenLedger) -> None:
        """Raises IntegrityError when an entry does not verify, whoever met it first."""
        self._raise_what_was_found()
        if not self._is_reading() and is_behind(store):
            self._read(store, open_ledger)
        self.is_behind = self._is_reading()

    def _is_reading(self) -> bool:
        return self._reader is not None and self._reader.is_alive()

    def _read(self, store: LineageStore, open_ledger: OpenLedger) -> None:
        with open_ledger() as ledger:
            row = ledger.connection.execute(_GAP, (_AT_ONCE + 1,)).fetchone()
            if row and row[0] <= _AT_ONCE:
                sync_from_ledger(ledger, store)
                return
        self._read_in_background(store, open_ledger)

    def _read_in_background(self, store: LineageStore, open_ledger: OpenLedger) -> None:
        with self._lock:
            if not self._is_reading():
                self._reader = threading.Thread(target=self._read_all, args=(store, open_ledger), daemon=True)
                self._reader.start()

    def _read_all(self, store: LineageStore, open_ledger: OpenLedger) -> None:
        try:
            with open_ledger() as ledger:
                sync_from_ledger(ledger, store)
        except Exception as error:  # noqa: BLE001 - a thread has nobody to tell: the next page does
            self._error = error

    def _raise_what_was_found(self) -> None:
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error
