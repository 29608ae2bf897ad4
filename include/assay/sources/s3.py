"""Objects below a prefix of the configured S3, each with the ETag it was read under."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from assay.errors import SourceUnreachable, SpecError
from assay.s3 import s3_client
from assay.settings import Settings
from assay.sources.landing import FetchedFile, FetchedSource, Landing, matching
from assay.spec import S3Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client  # type: ignore[import-not-found]  # stubs are optional


@dataclass(frozen=True)
class _Object:
    """As listed; `name` is the key below the source's prefix."""

    bucket: str
    key: str
    etag: str
    name: str


def fetch_s3(source: S3Source, landing: Landing, settings: Settings) -> FetchedSource:
    """Download every matching object.

    Raises SpecError when none matches, SourceUnreachable when the store does not answer or an object changes meanwhile.
    """
    parts = urlsplit(source.url)
    bucket, prefix = parts.netloc, parts.path.lstrip("/")
    client = s3_client(settings)
    with _s3_errors(source.url):
        etags = dict(_listed(client, bucket, prefix))
        names = {_name(key, prefix): key for key in etags}
        chosen = matching(names, source.files, source.url)
        objects = [_Object(bucket, names[name], etags[names[name]], name) for name in chosen]
        files = [_download(client, item, landing) for item in objects]
    return FetchedSource(source.url, tuple(files), landing.at)


def _listed(client: "S3Client", bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    """(key, ETag) of every object, a page at a time."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            # To S3 a prefix is just the beginning of a key: `mails` would bring `mails-old/…` too.
            below = item["Key"].removeprefix(prefix.rstrip("/")) if prefix else "/"
            if not item["Key"].endswith("/") and below[:1] in ("", "/"):
                yield item["Key"], item["ETag"].strip('"')


def _name(key: str, prefix: str) -> str:
    """The key below the prefix; an object that is the prefix itself goes by its last part."""
    return key.removeprefix(prefix).lstrip("/") or key.rpartition("/")[2]


def _download(client: "S3Client", item: _Object, landing: Landing) -> FetchedFile:
    uri = f"s3://{item.bucket}/{item.key}"
    answer = client.get_object(Bucket=item.bucket, Key=item.key)
    found = answer["ETag"].strip('"')
    if found != item.etag:
        raise SourceUnreachable(f"{uri}: changed while it was read ({item.etag} → {found}); collect again")
    with landing.place(item.name).open("wb") as target:
        shutil.copyfileobj(answer["Body"], target, length=1 << 20)
    return landing.landed(item.name, uri, etag=found)


@contextmanager
def _s3_errors(url: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("404", "NoSuchBucket", "NoSuchKey"):
            raise SpecError(f"{url}: {code}; expected a bucket and prefix that exist") from error
        raise SourceUnreachable(f"{url}: {error}; check the S3 credentials and bucket") from error
    except BotoCoreError as error:
        raise SourceUnreachable(f"{url}: {error}; is the object store up? `assay status` tells") from error
