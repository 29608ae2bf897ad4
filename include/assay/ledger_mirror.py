"""The newest checkpoint outside the database, so that a tail dropped together with its checkpoints shows."""

import fcntl
import os
from pathlib import Path

from assay.checkpoint import Checkpoint
from assay.errors import IntegrityError
from assay.signing import KeyRing


def write_mirror(path: Path, note: str, keys: KeyRing) -> None:
    """Keep `note` unless a larger one is there; whole or not at all. A folder mounted read-only keeps none."""
    if not os.access(path.parent, os.W_OK):
        return
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        present = read_mirror(path, keys)
        if present and present.size >= Checkpoint.verified(note, keys).size:
            return
        partial = path.with_name(f".{path.name}.partial")
        with partial.open("w") as stream:
            stream.write(note)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)


def read_mirror(path: Path, keys: KeyRing) -> Checkpoint | None:
    """The mirrored checkpoint, None where there is none. Raises IntegrityError when it was changed."""
    if not path.is_file():
        return None
    try:
        return Checkpoint.verified(path.read_bytes().decode(), keys)
    except (IntegrityError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{path}: {error}") from error
