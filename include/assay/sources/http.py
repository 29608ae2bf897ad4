"""One file by URL, streamed to disk and held against the checksum in the spec."""

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from assay.errors import SourceUnreachable, SpecError
from assay.sources.landing import FetchedSource, Landing
from assay.spec import HttpSource

_TIMEOUT_SECONDS = (10, 60)
_BLOCK_BYTES = 1 << 20


def fetch_http(source: HttpSource, landing: Landing) -> FetchedSource:
    """Download.

    Raises IntegrityError for another checksum, SpecError for an answer 4xx, SourceUnreachable when the server fails.
    """
    import requests

    name = PurePosixPath(unquote(urlsplit(source.url).path)).name or "download"
    target = landing.place(name)
    try:
        with requests.get(source.url, stream=True, timeout=_TIMEOUT_SECONDS) as answer, target.open("wb") as file:
            if 400 <= answer.status_code < 500:
                raise SpecError(f"{source.url}: the server answers {answer.status_code}; mend the URL in the spec")
            answer.raise_for_status()
            for block in answer.iter_content(_BLOCK_BYTES):
                file.write(block)
            etag = answer.headers.get("ETag", "").strip('"')
    except requests.RequestException as error:
        raise SourceUnreachable(f"{source.url}: {error}; try again later") from error
    return FetchedSource(source.url, (landing.landed(name, source.url, source.sha256, etag),), landing.at)
