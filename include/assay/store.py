"""Content-addressed store: an object's key is the SHA-256 of its bytes, so it cannot change unseen.

`open` and `fetch` verify while reading; a byte that differs raises IntegrityError. Writing the same
bytes twice is a no-op, and an object appears only when it is whole.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from assay.digests import sha256_bytes, sha256_file
from assay.errors import EngineUnavailable, IntegrityError, SpecError
from assay.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client  # type: ignore[import-not-found]  # stubs are optional

_MOST_IN_ONE_STREAM = 64 << 20
_BLOCK_BYTES = 1 << 20


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
        return S3Store(s3_client(settings), bucket=parts.netloc, prefix=parts.path.strip("/"))
    raise SpecError(
        f"ASSAY_STORE_URL: expected s3://BUCKET/PREFIX or file:///FOLDER, found {settings.store_url!r}; "
        "start the embedded stack with `assay up` or set the variable"
    )


def s3_client(settings: Settings, attempts: int = 4) -> "S3Client":
    """A boto3 client for the configured S3, with bounded waits."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url or None,
        aws_access_key_id=settings.s3_access_key.get_secret_value() or None,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value() or None,
        region_name=settings.s3_region,
        config=Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": attempts, "mode": "standard"}),
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
            _verify(partial, sha256, self.url(sha256))
        return target

    def read(self, sha256: str) -> bytes:
        return _verified(self._existing(sha256).read_bytes(), sha256, self.url(sha256))

    def exists(self, sha256: str) -> bool:
        return self._path(sha256).is_file()

    def size(self, sha256: str) -> int:
        return self._existing(sha256).stat().st_size

    def remove(self, sha256: str) -> None:
        self._path(sha256).unlink(missing_ok=True)

    def url(self, sha256: str) -> str:
        return self._path(sha256).as_uri()

    def _path(self, sha256: str) -> Path:
        return self.root.absolute() / "sha256" / sha256[:2] / sha256

    def _existing(self, sha256: str) -> Path:
        path = self._path(sha256)
        if not path.is_file():
            raise _missing(self.url(sha256))
        return path


class S3Store:
    """A bucket as store. S3 shows an object only when its upload is whole."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str) -> None:
        self.client, self.bucket, self.prefix = client, bucket, prefix

    def put_file(self, path: Path) -> str:
        sha256 = sha256_file(path)
        if not self.exists(sha256):
            with _s3_errors(self.url(sha256)):
                self.client.upload_file(str(path), self.bucket, self._key(sha256))
        return sha256

    def put_bytes(self, data: bytes) -> str:
        sha256 = sha256_bytes(data)
        if not self.exists(sha256):
            with _s3_errors(self.url(sha256)):
                self.client.put_object(Bucket=self.bucket, Key=self._key(sha256), Body=data)
        return sha256

    def fetch(self, sha256: str, target: Path) -> Path:
        with _whole_file(target) as partial:
            with _s3_errors(self.url(sha256)):
                self._download(self._key(sha256), partial)
            _verify(partial, sha256, self.url(sha256))
        return target

    def read(self, sha256: str) -> bytes:
        with _s3_errors(self.url(sha256)):
            data = self.client.get_object(Bucket=self.bucket, Key=self._key(sha256))["Body"].read()
        return _verified(data, sha256, self.url(sha256))

    def exists(self, sha256: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            with _s3_errors(self.url(sha256), passing=ClientError):
                self.client.head_object(Bucket=self.bucket, Key=self._key(sha256))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                return False
            raise EngineUnavailable(f"{self.url(sha256)}: {error}; check the S3 credentials and bucket") from error
        return True

    def size(self, sha256: str) -> int:
        with _s3_errors(self.url(sha256)):
            return int(self.client.head_object(Bucket=self.bucket, Key=self._key(sha256))["ContentLength"])

    def remove(self, sha256: str) -> None:
        with _s3_errors(self.url(sha256)):
            self.client.delete_object(Bucket=self.bucket, Key=self._key(sha256))

    def url(self, sha256: str) -> str:
        return f"s3://{self.bucket}/{self._key(sha256)}"

    def _download(self, key: str, target: Path) -> None:
        """Small objects in one stream, sooner begun than a transfer in parts; so, too, where the stream breaks."""
        from botocore.exceptions import BotoCoreError

        found = self.client.get_object(Bucket=self.bucket, Key=key)
        with contextlib.closing(found["Body"]) as body:
            if found["ContentLength"] <= _MOST_IN_ONE_STREAM:
                with contextlib.suppress(BotoCoreError), target.open("wb") as file:
                    shutil.copyfileobj(body, file, _BLOCK_BYTES)
                    return
        self.client.download_file(self.bucket, key, str(target))

    def _key(self, sha256: str) -> str:
        path = f"sha256/{sha256[:2]}/{sha256}"
        return f"{self.prefix}/{path}" if self.prefix else path


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
def _s3_errors(url: str, passing: Any = ()) -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if passing and isinstance(error, passing):
            raise
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            raise _missing(url) from error
        raise EngineUnavailable(f"{url}: {error}; check the S3 credentials and bucket") from error
    except (BotoCoreError, Boto3Error) as error:
        raise EngineUnavailable(f"{url}: {error}; is the object store up? `assay status` tells") from error


def _verify(path: Path, sha256: str, url: str) -> None:
    found = sha256_file(path)
    if found != sha256:
        raise _tampered(url, sha256, found)


def _verified(data: bytes, sha256: str, url: str) -> bytes:
    found = sha256_bytes(data)
    if found != sha256:
        raise _tampered(url, sha256, found)
    return data


def _tampered(url: str, expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"{url}: expected sha256 {expected}, found {found}; the object was changed: restore it or open an incident"
    )


def _missing(url: str) -> IntegrityError:
    return IntegrityError(f"{url}: expected an object, found none; restore it from a backup or collect the data again")
