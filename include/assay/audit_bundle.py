"""A bundle an auditor verifies on another machine: entries, the newest checkpoint, public keys. One zip file."""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from assay.errors import IntegrityError, SpecError
from assay.ledger import Ledger
from assay.ledger_entry import Row
from assay.ledger_verification import LedgerVerification, verify_rows
from assay.signing import KeyRing

_ENTRIES, _CHECKPOINT, _KEYS = "entries.jsonl", "checkpoint.txt", "keys/"
_SMALL_BYTES = 1 << 16  # no key and no checkpoint is larger


def export_bundle(ledger: Ledger, keys_folder: Path, target: Path) -> int:
    """Write the log of one moment; returns the number of entries.

    Raises SpecError for an empty log, a missing folder, or a file that is there: none is ever overwritten.
    """
    if target.exists():
        raise SpecError(f"{target}: expected a new file, found one; choose another name")
    if not target.parent.is_dir():
        raise SpecError(f"{target.parent}: expected a folder to write to, found none; make it first")
    partial = target.with_name(f".{target.name}.partial")
    try:
        count = _write(ledger, keys_folder, partial)
        if not count:
            raise SpecError("ledger: expected entries to export, found none; run a pipeline first")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write(ledger: Ledger, keys_folder: Path, file: Path) -> int:
    count = 0
    with ledger.snapshot(), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        with bundle.open(_ENTRIES, "w") as stream:
            for count, row in enumerate(ledger.rows(), start=1):  # noqa: B007 - the count is the answer
                stream.write(json.dumps({**asdict(row), "at": row.at.isoformat()}).encode() + b"\n")
        bundle.writestr(_CHECKPOINT, ledger.checkpoint())
        for path in sorted(keys_folder.glob("*.pub")):
            bundle.write(path, _KEYS + path.name)
    return count


def verify_bundle(bundle_file: Path, keys_folder: Path | None) -> LedgerVerification:
    """Verify with the keys the auditor brings, or, without any, with those in the bundle (which proves less).

    Raises SpecError for a folder without keys, IntegrityError for a file that is no bundle.
    """
    brought = KeyRing.open_public(keys_folder) if keys_folder else None
    try:
        with zipfile.ZipFile(bundle_file) as bundle:
            return verify_rows(_rows(bundle), _small(bundle, _CHECKPOINT).decode(), brought or _own_keys(bundle))
    except Exception as error:
        # Readers of zip, deflate and JSON answer hostile bytes in a dozen ways.
        raise IntegrityError(f"{bundle_file}: expected an audit bundle, found {error}; export it again") from error


def _own_keys(bundle: zipfile.ZipFile) -> KeyRing:
    with tempfile.TemporaryDirectory() as folder:
        for name in bundle.namelist():
            if name.startswith(_KEYS) and name.endswith(".pub"):
                (Path(folder) / Path(name).name).write_bytes(_small(bundle, name))
        return KeyRing.open_public(Path(folder))


def _small(bundle: zipfile.ZipFile, name: str) -> bytes:
    size = bundle.getinfo(name).file_size
    if size > _SMALL_BYTES:
        raise ValueError(f"{name} of {size} bytes")
    return bundle.read(name)


def _rows(bundle: zipfile.ZipFile) -> Iterator[Row]:
    with bundle.open(_ENTRIES) as stream:
        for line in stream:
            value = json.loads(line)
            yield Row(**{**value, "at": datetime.fromisoformat(value["at"])})
