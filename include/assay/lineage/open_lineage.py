"""The lineage graph of this deployment, holding all that the ledger holds."""

import contextlib
from collections.abc import Iterator

from assay.ledger import Ledger
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger
from assay.settings import Settings


@contextlib.contextmanager
def open_lineage(settings: Settings, ledger: Ledger) -> Iterator[LineageStore]:
    """Closed afterwards. Raises SpecError without a database, EngineUnavailable when it is away.

    Raises IntegrityError when an entry of the ledger does not verify.
    """
    with contextlib.closing(LineageStore.open(settings)) as lineage:
        sync_from_ledger(ledger, lineage)
        yield lineage
