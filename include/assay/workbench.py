"""Everything a station may touch, opened once from settings and passed in: no globals, no clocks of one's own."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assay.ledger import Ledger
from assay.settings import Settings
from assay.signing import KeyRing
from assay.store import Store, open_store


@dataclass(frozen=True)
class Workbench:
    """Ports and folders of one step.

    workdir: an empty scratch folder, gone after the step. say: one line of progress for people.
    """

    settings: Settings
    store: Store
    ledger: Ledger
    keys: KeyRing
    workdir: Path
    clock: Callable[[], datetime]
    say: Callable[[str], None]


@contextlib.contextmanager
def open_workbench(settings: Settings, say: Callable[[str], None]) -> Iterator[Workbench]:
    """Open every port; close and clean up at the end, also on errors."""
    with (
        tempfile.TemporaryDirectory(prefix="assay-") as folder,
        contextlib.closing(Ledger.open(settings)) as ledger,
    ):
        yield Workbench(
            settings=settings,
            store=open_store(settings),
            ledger=ledger,
            keys=KeyRing.open(settings.keys),
            workdir=Path(folder),
            clock=lambda: datetime.now(UTC),
            say=say,
        )
