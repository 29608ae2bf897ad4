"""Content-addressed store: an object's key is the SHA-256 of its bytes, so it cannot change unseen.

`open` and `fetch` verify while reading; a byte that differs raises IntegrityError. Writing the same
bytes twice is a no-op, and an object appears only when it is whole.
"""

import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from assay.digests import sha256_bytes, sha256_file
from assay.errors import EngineUnavailable, IntegrityError, SpecError
from assay.s3 import open_bucket
from assay.settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Store as Bucket

_BLOCK_BYTES = 1 << 20
_PART_BYTES, _PARTS_AT_ONCE = 16 << 20, 4  # S3 takes 10,000 parts: 156 GiB


class Store(Protocol):
    """Where shards, models and reports live, by digest."""

    def put_file(self, path: Path) -> str:
        """Store a file's bytes; returns their sha256."""

    def put_bytes(self, data: bytes) -> str:
        """Store `data`; returns its sha256."""

    def fetch(self, sha256: str, target: Path) -> Path:
        """Write the object to `target`, verified and in one piece; returns `target`."""

    def read(self, sha256: str) -> bytes:
        """The object's bytes, verified. For small objects: manifests, reports, statements."""

    def exists(self, sha256: str) -> bool:
        """Whether the object is there; says nothing of its bytes."""

    def size(self, sha256: str) -> int:
        """Its bytes in number. Raises IntegrityError where there is none."""

    def remove(self, sha256: str) -> None:
        """Delete the object for good; one that is gone already is no error. For erasure and retention only."""

    def url(self, sha256: str) -> str:
        """Where the object lies, for people and for lineage."""


def open_store(settings: Settings) -> Store:
    """The store that `ASSAY_STORE_URL` names. Raises SpecError for any other scheme."""
    parts = urlsplit(settings.store_url)
    if parts.scheme == "file":
        return FileStore(Path(parts.path))
    if parts.scheme == "s3":
        prefix = parts.path.strip("/")
        return S3Store(open_bucket(settings, parts.netloc, prefix), f"s3://{parts.netloc}/{prefix}".rstrip("/"))
    raise SpecError(
        f"ASSAY_STORE_URL: expected s3://BUCKET/PREFIX or file:///FOLDER, found {settings.store_url!r}; "
        "start the embedded stack with `assay up` or set the variable"
    )


class FileStore:
    """A folder as store; objects fan out over 256 subfolders."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put_file(self, path: Path) -> str:
        sha256 = sha256_file(path)
        if not self.exists(sha256):
            with _whole_file(self._path(sha256)) as partial:
                shutil.copyfile(path, partial)
        return sha256

    def put_bytes(self, data: bytes) -> str:
        sha256 = sha256_bytes(data)
        if not self.exists(sha256):
            with _whole_file(self._path(sha256)) as partial:
                partial.write_bytes(data)
        return sha256

    def fetch(self, sha256: str, target: Path) -> Path:
        source = self._existing(sha256)
        with _whole_file(target) as partial:
            shutil.copyfile(source, partial)
            _verify(sha256_file(partial), sha256, self.url(sha256))
        return target

    def read(self, sha256: str) -> bytes:
        data = self._existing(sha256).read_bytes()
        _verify(sha256_bytes(data), sha256, self.url(sha256))
        return data

    def exists(self, sha256: str) -> bool:
        return self._path(sha256).is_file()

    def size(self, sha256: str) -> int:
        return self._existing(sha256).stat().st_size

    def remove(self, sha256: str) -> None:
        self._path(sha256).unlink(missing_ok=True)

    def url(self, sha256: str) -> str:
        return self._path(sha256).as_uri()

    def _path(self, sha256: str) -> Path:
        return self.root.absolute() / _key(sha256)

    def _existing(self, sha256: str) -> Path:
        path = self._path(sha256)
        if not path.is_file():
            raise _missing(self.url(sha256))
        return path


class S3Store:
    """A bucket as store. S3 shows an object only when its upload is whole."""

    def __init__(self, bucket: "Bucket", url: str) -> None:
        self.bucket, self.root = bucket, url

    def put_file(self, path: Path) -> str:
        sha256 = sha256_file(path)
        if not self.exists(sha256):
            with _s3_errors(self.url(sha256)):
                self.bucket.put(_key(sha256), path, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)
        return sha256

    def put_bytes(self, data: bytes) -> str:
        sha256 = sha256_bytes(data)
        if not self.exists(sha256):
            with _s3_errors(self.url(sha256)):
                self.bucket.put(_key(sha256), data)
        return sha256

    def fetch(self, sha256: str, target: Path) -> Path:
        digest = hashlib.sha256()
        with _whole_file(target) as partial:
            with _s3_errors(self.url(sha256)), partial.open("wb") as file:
                for block in self.bucket.get(_key(sha256)).stream(min_chunk_size=_BLOCK_BYTES):
                    digest.update(block)
                    file.write(block)
            _verify(digest.hexdigest(), sha256, self.url(sha256))
        return target

    def read(self, sha256: str) -> bytes:
        with _s3_errors(self.url(sha256)):
            data = self.bucket.get(_key(sha256)).bytes().to_bytes()
        _verify(sha256_bytes(data), sha256, self.url(sha256))
        return data

    def exists(self, sha256: str) -> bool:
        try:
            self.size(sha256)
        except IntegrityError:
            return False
        return True

    def size(self, sha256: str) -> int:
        with _s3_errors(self.url(sha256)):
            return int(self.bucket.head(_key(sha256))["size"])

    def remove(self, sha256: str) -> None:
        with contextlib.suppress(IntegrityError), _s3_errors(self.url(sha256)):
            self.bucket.delete(_key(sha256))

    def url(self, sha256: str) -> str:
        return f"{self.root}/{_key(sha256)}"


def _key(sha256: str) -> str:
    return f"sha256/{sha256[:2]}/{sha256}"


@contextlib.contextmanager
def _whole_file(target: Path) -> Iterator[Path]:
    """Yield a temporary sibling that becomes `target` only when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".partial-")
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _s3_errors(url: str) -> Iterator[None]:
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    if os.getpid() != _process_with_threads():
        raise EngineUnavailable(f"{url}: the process was forked after it had used S3; use `spawn`, or fork before")
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise EngineUnavailable(f"{url}: NoSuchBucket; check the S3 credentials and bucket") from error
        raise _missing(url) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise EngineUnavailable(f"{url}: {_first_line(error)}; check the S3 credentials and bucket") from error
    except BaseError as error:
        raise EngineUnavailable(f"{url}: {_first_line(error)}; is the object store up? `assay status` tells") from error


@functools.cache
def _process_with_threads() -> int:
    """The first to use S3: a fork inherits this answer, but not obstore's threads, and would wait for ever."""
    return os.getpid()


def _first_line(error: Exception) -> str:
    """Without the source of the error that obstore writes below it."""
    return str(error).partition("\n")[0]


def _verify(found: str, sha256: str, url: str) -> None:
    if found != sha256:
        raise _tampered(url, sha256, found)


def _tampered(url: str, expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"{url}: expected sha256 {expected}, found {found}; the object was changed: restore it or open an incident"
    )


def _missing(url: str) -> IntegrityError:
    return IntegrityError(f"{url}: expected an object, found none; restore it from a backup or collect the data again")
