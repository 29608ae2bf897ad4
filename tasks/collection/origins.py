"""Where a collection's bytes came from, for its manifest and for its signed statement."""

from collections.abc import Iterable
from datetime import datetime

from assay.dataset import Source
from assay.json_types import Json
from assay.sources.captured import CapturedRows
from assay.sources.landing import FetchedFile, FetchedSource
from assay.store import Store

_LISTED_FILES = 16


def source_facts(fetched: Iterable[FetchedSource], store: Store) -> list[dict[str, Json]]:
    """One fact a file; a source of many files is one fact, whose sha256 is that of its stored list of checksums."""
    facts: list[dict[str, Json]] = []
    for source in fetched:
        origin = {
            "fetched_at": _moment(source.fetched_at),
            "package": source.package,
            "version": source.version,
            "archive_sha256": source.archive_sha256,
        }
        if len(source.files) > _LISTED_FILES:
            listing = store.put_bytes(_listing(source.files))
            facts.append({"uri": source.uri, "sha256": listing, "etag": "", "files": len(source.files), **origin})
        else:
            facts += [{"uri": file.uri, "sha256": file.sha256, "etag": file.etag, **origin} for file in source.files]
    return facts


def captured_fact(captured: CapturedRows) -> dict[str, Json]:
    """The labelled traffic as one source."""
    at = _moment(captured.at)
    return {"uri": captured.uri, "sha256": captured.sha256, "etag": "", "fetched_at": at, "rows": captured.rows}


def told_facts(sources: Iterable[Source], known: Iterable[dict[str, Json]], at: datetime) -> list[dict[str, Json]]:
    """What a Collector read beyond the spec's sources, by its own word."""
    seen = {fact["sha256"] for fact in known}
    return [
        {"uri": source.uri, "sha256": source.sha256, "etag": source.etag, "fetched_at": _moment(at)}
        for source in sources
        if source.sha256 not in seen
    ]


def manifest_sources(facts: Iterable[dict[str, Json]]) -> tuple[Source, ...]:
    """Without time and ETag, which change when the bytes do not."""
    return tuple(Source(uri=str(fact["uri"]), sha256=str(fact["sha256"])) for fact in facts)


def _listing(files: Iterable[FetchedFile]) -> bytes:
    """The form `sha256sum --check` reads."""
    return "".join(f"{file.sha256}  {file.name}\n" for file in files).encode()


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
