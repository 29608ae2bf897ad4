"""Every checkpoint as an object of its own in S3; with object lock nobody can delete one before its time.

A key once written may get another version on top, or a marker that hides it: read are all versions of the newest key,
and they must agree.
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from assay.checkpoint import Checkpoint
from assay.errors import EngineUnavailable, IntegrityError
from assay.signing import KeyRing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client  # type: ignore[import-not-found]  # stubs are optional


class S3Place:
    """`PREFIX/SIZE.checkpoint` in one bucket. lock_days: how long S3 refuses to delete each; None for no lock."""

    is_readable = True

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        prefix: str,
        keys: KeyRing,
        clock: Callable[[], datetime],
        lock_days: int | None = None,
    ) -> None:
        self._client, self._bucket, self._keys, self._clock = client, bucket, keys, clock
        self._prefix, self._lock_days = f"{prefix}/" if prefix else "", lock_days
        self.url = f"s3://{bucket}/{prefix}"

    def publish(self, note: str) -> bool:
        lock: dict[str, Any] = {}
        if self._lock_days is not None:
            until = self._clock() + timedelta(days=self._lock_days)
            lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
        key = self._key(Checkpoint.verified(note, self._keys).size)
        with self._errors():
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=note.encode(), ContentType="text/plain; charset=utf-8", **lock
            )
        return True

    def newest(self, known: int) -> Checkpoint | None:
        with self._errors():
            # From the last known one on there are few; from the start there may be many.
            key = self._newest_key(self._key(known - 1) if known > 1 else "") or self._newest_key("")
            notes = [self._read(key, version) for version in self._versions(key)] if key else []
        checkpoints = {self._believed(key, note) for note in notes}
        if len(checkpoints) > 1:
            raise IntegrityError(f"{self.url}: {key} holds two signed histories", kind="forked")
        return next(iter(checkpoints), None)

    def _believed(self, key: str, note: bytes) -> Checkpoint:
        try:
            checkpoint = Checkpoint.verified(note.decode(errors="replace"), self._keys)
        except IntegrityError as error:
            raise IntegrityError(f"{self.url}: {key}: {error}", error.kind) from error
        if self._key(checkpoint.size) != key:
            raise IntegrityError(
                f"{self.url}: {key} holds the checkpoint of {checkpoint.size} entries", kind="checkpoint_rolled_back"
            )
        return checkpoint

    def _newest_key(self, after: str) -> str:
        """The largest key behind `after`, also where a marker hides it; "" for none."""
        start = {"KeyMarker" if self._has_versions else "StartAfter": after} if after else {}
        found = (key for key, _ in self._listed(self._prefix, start) if key.endswith(".checkpoint") and key > after)
        return max(found, default="")

    def _versions(self, key: str) -> list[str | None]:
        return [version for found, version in self._listed(key, {}) if found == key]

    def _listed(self, prefix: str, start: dict[str, str]) -> Iterator[tuple[str, str | None]]:
        """(key, version) of all objects; only a bucket with object lock is sure to have versions."""
        versions, objects = ("list_object_versions", "Versions"), ("list_objects_v2", "Contents")
        operation, kind = versions if self._has_versions else objects
        for page in self._client.get_paginator(operation).paginate(Bucket=self._bucket, Prefix=prefix, **start):
            for found in page.get(kind, ()):
                yield found["Key"], found.get("VersionId")

    @property
    def _has_versions(self) -> bool:
        return self._lock_days is not None

    def _read(self, key: str, version: str | None) -> bytes:
        chosen = {"VersionId": version} if version else {}
        body = self._client.get_object(Bucket=self._bucket, Key=key, **chosen)["Body"].read(1 << 16)
        return bytes(body)

    def _key(self, size: int) -> str:
        return f"{self._prefix}{size:020d}.checkpoint"

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise EngineUnavailable(f"{self.url}: {error}; check bucket, object lock and credentials") from error
