"""The verifier as a program of its own: needs Python, `cryptography`, the public keys, and the file to verify.

`assay audit verifier` writes it as one file. Exit codes: 0 everything holds, 2 bad usage, 3 something does not hold.
"""

import argparse
import json
import sys
from pathlib import Path

from assay.audit.bundle import verify_bundle
from assay.audit.outside import Outside
from assay.audit.proof_file import INCLUSION, InclusionProof
from assay.audit.told import to_json, to_lines
from assay.checkpoint import Checkpoint
from assay.errors import AssayError, IntegrityError, SpecError
from assay.json_types import JsonObject
from assay.signing import KeyRing


def main(arguments: list[str] | None = None) -> int:
    """Verify one file; returns the exit code."""
    parser = argparse.ArgumentParser(description="Verify an audit bundle or an inclusion proof of Assay.")
    parser.add_argument("file", type=Path, help="what `assay audit export` or `assay audit prove` wrote")
    parser.add_argument("--keys", type=Path, required=True, help="folder of the public keys you trust (ROLE*.pub)")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="one you got elsewhere")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    try:
        return _verify(options.file, KeyRing.open_public(options.keys), options.checkpoint, options.json)
    except AssayError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"SpecError: {error}\n")
        return SpecError.exit_code


def read_checkpoints(files: list[Path], keys: KeyRing) -> list[Outside]:
    """Signed checkpoints that an auditor keeps. Raises SpecError for a file that cannot be read."""
    return [_read_checkpoint(file, keys) for file in files]


def _read_checkpoint(file: Path, keys: KeyRing) -> Outside:
    try:
        return Outside(str(file), Checkpoint.verified(file.read_bytes().decode(errors="replace"), keys))
    except IntegrityError as error:
        return Outside(str(file), None, error)
    except OSError as error:
        raise SpecError(f"{file}: expected a checkpoint, found {error.strerror}; name the right file") from error


def _verify(file: Path, keys: KeyRing, checkpoints: list[Path], as_json: bool) -> int:
    with file.open("rb") as stream:
        is_proof = stream.read(len(INCLUSION)) == INCLUSION.encode()
    if is_proof:
        entry, signed = InclusionProof.from_text(file.read_bytes().decode(errors="replace")).verify(keys)
        told: JsonObject = {"ok": True, "seq": entry.seq, "size": signed.size}
        lines = [f"entry {entry.seq} of {entry.at.isoformat()} is in the log of {signed.size} entries"]
    else:
        found = verify_bundle(file, keys, read_checkpoints(checkpoints, keys))
        told, lines = to_json(found), list(to_lines(found))
    sys.stdout.write(f"{json.dumps(told, indent=2)}\n" if as_json else "".join(f"{line}\n" for line in lines))
    return 0 if told["ok"] else IntegrityError.exit_code


if __name__ == "__main__":
    sys.exit(main())
