"""The places that `ASSAY_CHECKPOINT_PUBLISH` names."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from assay.errors import SpecError
from assay.publishing.file_place import FilePlace
from assay.publishing.place import Place
from assay.publishing.s3_place import S3Place
from assay.publishing.webhook_place import WebhookPlace
from assay.s3 import s3_client
from assay.settings import Settings
from assay.signing import KeyRing


def open_places(settings: Settings, keys: KeyRing, clock: Callable[[], datetime]) -> tuple[Place, ...]:
    """One for each URL, in order. Nothing is connected yet. Raises SpecError for a URL that names no place."""
    return tuple(_open(url, settings, keys, clock) for url in settings.checkpoint_publish.split())


def _open(url: str, settings: Settings, keys: KeyRing, clock: Callable[[], datetime]) -> Place:
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path not in ("", "/"):
        return FilePlace(Path(parts.path), keys)
    if parts.scheme == "s3" and parts.netloc:
        client = s3_client(settings, attempts=1)
        return S3Place(client, parts.netloc, parts.path.strip("/"), keys, clock, _lock_days(parts, url))
    if parts.scheme in ("http", "https") and parts.netloc:
        return WebhookPlace(url, settings.checkpoint_secret.get_secret_value())
    raise _wrong(url)


def _lock_days(parts: SplitResult, url: str) -> int | None:
    asked = parse_qs(parts.query, keep_blank_values=True)
    days = asked.pop("lock_days", [""])[0]
    if asked or (parts.query and not (days.isdecimal() and 0 < int(days) <= 36_500)):
        raise _wrong(url)
    return int(days) if days else None


def _wrong(url: str) -> SpecError:
    return SpecError(
        f"ASSAY_CHECKPOINT_PUBLISH: expected file:///FILE, s3://BUCKET/PREFIX?lock_days=N or https://…, "
        f"separated by spaces, found {url.partition('?')[0]!r}; mend it"
    )
