"""OpenLineage 2-0-2: what does not conform is refused with the place and the reason; the rest is read.

An event is of one of three kinds (specification, `oneOf`): with a run, about a dataset, or about a job.
Only run events tell of versions; the other two are kept, but draw no edge.

What draws edges: a dataset's version facet names a version; its symlinks are other names of the same. A dataset outside
Assay's namespace is the source `URI`; without a version facet it stands for `URI@`, some version of it. A walk from
`source/URI` starts at all versions of that name and at `URI@`. None of this is ever signed.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

from assay.digests import canonical_json
from assay.errors import SpecError
from assay.json_types import Json, JsonObject
from assay.lineage.conformance import check_event, is_run_event
from assay.lineage.dataset_name import dataset_uri
from assay.lineage.seen import RunSeen, Version, source_version, type_of
from assay.lineage.strict_json import parse_json

NAMESPACE = "assay"
_VERSION_FACET, _SYMLINKS_FACET = "version", "symlinks"
_SHA256_LENGTH = 64
# Every input leads to every output, and names are keys: both are bounded, so that no event can flood the graph.
_MOST_VERSIONS = 500
_LONGEST_NAME_BYTES = 800
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def parse_event(body: bytes) -> JsonObject:
    """A conforming event. Raises SpecError with the JSON path and the reason for anything else."""
    try:
        event = parse_json(body)
    except SpecError as error:
        raise SpecError(f"lineage event: {error}") from error
    return conforming(event)


def conforming(event: Json) -> JsonObject:
    """`event`, when it conforms. Raises SpecError with the JSON path and the reason otherwise."""
    if not isinstance(event, dict):
        raise SpecError(f"lineage event: expected one JSON object, found {type(event).__name__}; send events singly")
    try:
        check_event(event)
    except UnicodeEncodeError as error:
        raise SpecError(f"lineage event: expected Unicode text, found {error}; mend the producer") from error
    return cast(JsonObject, event)


def canonical_event(event: JsonObject) -> bytes:
    """The bytes whose SHA-256 names the event: key order and white space do not count.

    Raises SpecError for text or numbers that no database can hold: half characters, NUL, infinities.
    """
    try:
        canonical = canonical_json(event)
    except ValueError as error:
        raise SpecError(f"lineage event: expected Unicode text and finite numbers, found {error}; mend it") from error
    if b"u0000" in canonical and _NUL.search(canonical):
        raise SpecError("lineage event: expected text, found a NUL character in it; mend the producer")
    return canonical


def event_time(event: JsonObject) -> datetime:
    """When the producer says it happened, in UTC."""
    told = str(event["eventTime"])
    try:
        return datetime.fromisoformat(told.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SpecError(
            f"lineage event: eventTime: expected a time of the years 1 to 9999, found {told[:40]!r}"
        ) from error


def read_event(event: JsonObject) -> RunSeen | None:
    """What a conforming event tells of a run; None for dataset and job events. Raises SpecError past a bound."""
    if not is_run_event(cast("dict[str, Json]", event)):
        _check_static(event)
        return None
    run, job = cast(JsonObject, event["run"]), cast(JsonObject, event["job"])
    return RunSeen(
        run_id=str(run["runId"]).lower(),
        job=job_name(job),
        state=str(event.get("eventType", "OTHER")),
        at=event_time(event),
        inputs=_versions(event.get("inputs")),
        outputs=_versions(event.get("outputs")),
        parent_run_id=_parent(run),
    )


def job_name(job: JsonObject) -> str:
    """`NAME` in Assay's namespace, `NAMESPACE/NAME` elsewhere."""
    return _text(str(job["name"]) if job["namespace"] == NAMESPACE else f"{job['namespace']}/{job['name']}")


def _check_static(event: JsonObject) -> None:
    """What a dataset or job event is about is a key, too."""
    for about in ("dataset", "job"):
        named = event.get(about)
        if isinstance(named, dict):
            _text(f"{named.get('namespace')}/{named.get('name')}")


def _versions(datasets: Json) -> tuple[Version, ...]:
    told = cast("list[JsonObject]", datasets or [])
    versions = tuple(dict.fromkeys(version for dataset in told for version in _versions_of(dataset)))
    if len(versions) > _MOST_VERSIONS:
        raise SpecError(f"lineage event: expected at most {_MOST_VERSIONS} versions a side, found {len(versions)}")
    return versions


def _versions_of(dataset: JsonObject) -> Iterator[Version]:
    version = str(_facet(dataset, _VERSION_FACET).get("datasetVersion", ""))
    symlinks = cast("list[JsonObject]", _facet(dataset, _SYMLINKS_FACET).get("identifiers", []))
    for identity in (dataset, *symlinks):
        if version or identity["namespace"] != NAMESPACE:
            yield _version(identity, version)


def _version(identity: JsonObject, version: str) -> Version:
    namespace, name = str(identity["namespace"]), str(identity["name"])
    digest = _sha256(version)
    if namespace != NAMESPACE:
        uri = _text(dataset_uri(namespace, name))
        return Version(digest or _text(f"{uri}@{version}"), "source", uri, digest)
    if name.startswith("source/") and digest:
        return source_version(_text(name).removeprefix("source/"), digest)
    return Version(digest or _text(f"{name}@{version}"), type_of(name), _text(name), digest)


def _sha256(version: str) -> str:
    """`sha256:9f…` or `9f…` -> 64 lower-case hex digits; anything else -> ""."""
    digits = version.removeprefix("sha256:").lower()
    is_digest = len(digits) == _SHA256_LENGTH and all(c in "0123456789abcdef" for c in digits)
    return digits if is_digest else ""


def _facet(dataset: JsonObject, name: str) -> JsonObject:
    facets = cast(JsonObject, dataset.get("facets") or {})
    facet = cast(JsonObject, facets.get(name) or {})
    return {} if facet.get("_deleted") else facet


def _parent(run: JsonObject) -> str | None:
    facet = cast(JsonObject, cast(JsonObject, run.get("facets") or {}).get("parent") or {})
    parent = facet.get("run")
    return _text(str(parent["runId"])).lower() if isinstance(parent, dict) and parent.get("runId") else None


def _text(value: str) -> str:
    if "\x00" in value:
        raise SpecError(f"lineage event: expected a name, found a NUL byte in {value!r}; mend the producer")
    if len(value.encode()) > _LONGEST_NAME_BYTES:
        raise SpecError(f"lineage event: expected names of at most {_LONGEST_NAME_BYTES} bytes, found {value[:80]!r}…")
    return value
