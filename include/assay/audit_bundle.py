"""A bundle an auditor verifies on another machine: entries, the newest checkpoint, public keys. One zip file."""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from assay.errors import IntegrityError, SpecError
from assay.ledger import Ledger, Row
from assay.ledger_verification import LedgerVerification, verify_rows
from assay.signing import KeyRing

_ENTRIES, _CHECKPOINT, _KEYS = "entries.jsonl", "checkpoint.txt", "keys/"


def export_bundle(ledger: Ledger, keys_folder: Path, target: Path) -> int:
    """Write the bundle; returns the number of entries. An existing file is never overwritten (SpecError)."""
    if target.exists():
        raise SpecError(f"{target}: expected a new file, found one; choose another name")
    count = 0
    partial = target.with_name(f".{target.name}.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as bundle:
        with bundle.open(_ENTRIES, "w") as stream:
            for count, row in enumerate(ledger.rows(), start=1):  # noqa: B007 - the count is the answer
                stream.write(json.dumps({**asdict(row), "at": row.at.isoformat()}).encode() + b"\n")
        bundle.writestr(_CHECKPOINT, ledger.checkpoint())
        for path in sorted(keys_folder.glob("*.pub")):
            bundle.write(path, _KEYS + path.name)
    partial.replace(target)
    return count


def verify_bundle(bundle_file: Path, keys_folder: Path | None) -> LedgerVerification:
    """Verify with the keys the auditor brings, or, without any, with those in the bundle (which proves less)."""
    try:
        with zipfile.ZipFile(bundle_file) as bundle, tempfile.TemporaryDirectory() as folder:
            for name in bundle.namelist():
                if name.startswith(_KEYS) and name.endswith(".pub"):
                    (Path(folder) / Path(name).name).write_bytes(bundle.read(name))
            keys = KeyRing.open_public(keys_folder or Path(folder))
            return verify_rows(_rows(bundle), bundle.read(_CHECKPOINT).decode(), keys)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise IntegrityError(f"{bundle_file}: expected an audit bundle, found {error}; export it again") from error


def _rows(bundle: zipfile.ZipFile) -> Iterator[Row]:
    with bundle.open(_ENTRIES) as stream:
        for line in stream:
            value = json.loads(line)
            yield Row(**{**value, "at": datetime.fromisoformat(value["at"])})
