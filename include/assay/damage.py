"""Files that are damaged or are not what their name says, told as an error of the input."""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from assay.errors import SpecError


@contextmanager
def damage_told(name: str, form: str) -> Iterator[None]:
    """Raises SpecError when what is read inside is no whole archive or compressed file."""
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise SpecError(f"{name}: expected {form}, found a damaged or other file: {error}; fetch it again") from error
