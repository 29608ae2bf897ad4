"""Writes the log of one moment as a bundle that verifies on another machine: `assay.audit.bundle`."""

from pathlib import Path

from assay.audit.bundle import Header, place_to_line
from assay.errors import SpecError
from assay.ledger import Ledger
from assay.ledger_tables import LogTables
from assay.ledger_verification import places


def export_bundle(ledger: Ledger, target: Path) -> int:
    """Returns the number of entries. Whatever the log holds is written, also what is broken: that is for the verifier.

    Raises SpecError for an empty log, a missing folder, or a file that is there: none is ever overwritten.
    """
    if target.exists():
        raise SpecError(f"{target}: expected a new file, found one; choose another name")
    if not target.parent.is_dir():
        raise SpecError(f"{target.parent}: expected a folder to write to, found none; make it first")
    partial = target.with_name(f".{target.name}.partial")
    try:
        count = _write(ledger, partial)
        if not count:
            raise SpecError("ledger: expected entries to export, found none; run a pipeline first")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write(ledger: Ledger, file: Path) -> int:
    keys = tuple(sorted(ledger.keys.public_keys().values(), key=lambda key: key.keyid))
    count = 0
    with ledger.snapshot(), file.open("wb") as stream:
        tables = LogTables(ledger.connection)
        stream.write(Header(sum(1 for _ in places(tables)), keys).to_line())
        for place in places(tables):
            count += place.envelope is not None
            stream.write(place_to_line(place))
    return count
