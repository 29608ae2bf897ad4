"""The newest checkpoint in a file, so that a tail dropped together with its checkpoints shows."""

import fcntl
import os
from pathlib import Path

from assay.checkpoint import Checkpoint
from assay.errors import EngineUnavailable, IntegrityError
from assay.key_files import write_whole
from assay.signing import KeyRing


class FilePlace:
    """One file; it never goes back."""

    is_readable = True

    def __init__(self, path: Path, keys: KeyRing) -> None:
        self.path, self._keys = path, keys
        self.url = path.absolute().as_uri()

    def publish(self, note: str) -> bool:
        """Whole or not at all. A folder mounted read-only keeps none."""
        if not os.access(self.path.parent, os.W_OK):
            return False
        try:
            with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                present = self.newest(0)
                if present is None or present.size < Checkpoint.verified(note, self._keys).size:
                    write_whole(self.path, note.encode(), 0o644)
        except OSError as error:
            raise EngineUnavailable(f"{self.url}: {error.strerror}; is the disk full or gone?") from error
        return True

    def newest(self, known: int) -> Checkpoint | None:
        del known  # one file, one checkpoint
        if not self.path.is_file():
            return None
        try:
            return Checkpoint.verified(self.path.read_bytes().decode(), self._keys)
        except UnicodeDecodeError as error:
            raise IntegrityError(f"{self.path}: {error}") from error
        except IntegrityError as error:
            raise IntegrityError(f"{self.path}: {error}", error.kind) from error
