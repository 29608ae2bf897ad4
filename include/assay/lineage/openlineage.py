"""OpenLineage 2-0-2: what does not conform is refused with the place and the reason; the rest is read.

An event is of one of three kinds (specification, `oneOf`): with a run, about a dataset, or about a job.
Only run events tell of versions; the other two are kept, but draw no edge.
"""

import functools
import json
from datetime import datetime
from importlib.resources import files
from typing import Any, cast
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from assay.digests import canonical_json
from assay.errors import SpecError
from assay.json_types import Json, JsonObject
from assay.lineage.seen import RunSeen, Version, source_version, type_of

NAMESPACE = "assay"
_VERSION_FACET = "version"
_SHA256_LENGTH = 64
# Every input leads to every output, and names are keys: both are bounded, so that no event can flood the graph.
_MOST_VERSIONS = 500
_LONGEST_NAME_BYTES = 800
_formats = FormatChecker(formats=["uuid"])


def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None or "t" not in value.lower():
        raise ValueError("RFC 3339 wants date, 'T', time and offset")
    return True


def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


_formats.checks("date-time", raises=ValueError)(_is_date_time)
_formats.checks("uri", raises=ValueError)(_is_uri)


def parse_event(body: bytes) -> JsonObject:
    """A conforming event. Raises SpecError with the JSON path and the reason for anything else."""
    try:
        event = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"lineage event: expected JSON, found {error}; send one OpenLineage event") from error
    if not isinstance(event, dict):
        raise SpecError(f"lineage event: expected one JSON object, found {type(event).__name__}; send events singly")
    kind = _kind(event)
    fault = best_match(_validator(kind).iter_errors(event))
    if fault is not None:
        where = "/".join(str(part) for part in fault.absolute_path) or "the event"
        raise SpecError(f"OpenLineage 2-0-2 {kind}: {where}: {fault.message[:500]}; mend the producer")
    return cast(JsonObject, event)


def canonical_event(event: JsonObject) -> bytes:
    """The bytes whose SHA-256 names the event: key order and white space do not count."""
    try:
        return canonical_json(event)
    except UnicodeEncodeError as error:
        raise SpecError(f"lineage event: expected Unicode text, found {error}; mend the producer") from error


def event_time(event: JsonObject) -> datetime:
    """When the producer says it happened."""
    return datetime.fromisoformat(str(event["eventTime"]))


def read_event(event: JsonObject) -> RunSeen | None:
    """What a conforming event tells of a run; None for dataset and job events."""
    if "run" not in event:
        return None
    run, job = cast(JsonObject, event["run"]), cast(JsonObject, event["job"])
    name = str(job["name"]) if job["namespace"] == NAMESPACE else f"{job['namespace']}/{job['name']}"
    return RunSeen(
        run_id=str(run["runId"]).lower(),
        job=_text(name),
        state=str(event.get("eventType", "OTHER")),
        at=event_time(event),
        inputs=_versions(event.get("inputs")),
        outputs=_versions(event.get("outputs")),
        parent_run_id=_parent(run),
    )


def _kind(event: dict[str, Any]) -> str:
    if "run" in event:
        return "RunEvent"
    return "DatasetEvent" if "dataset" in event else "JobEvent"


@functools.cache
def _validator(kind: str) -> Draft202012Validator:
    schema = json.loads((files("assay.lineage") / "openlineage-2-0-2.json").read_text())
    return Draft202012Validator({"$defs": schema["$defs"], "$ref": f"#/$defs/{kind}"}, format_checker=_formats)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name}, which is no JSON number")


def _versions(datasets: Json) -> tuple[Version, ...]:
    found = (_version(cast(JsonObject, dataset)) for dataset in cast("list[Json]", datasets or []))
    versions = tuple(dict.fromkeys(version for version in found if version is not None))
    if len(versions) > _MOST_VERSIONS:
        raise SpecError(f"lineage event: expected at most {_MOST_VERSIONS} versions a side, found {len(versions)}")
    return versions


def _version(dataset: JsonObject) -> Version | None:
    """None without a version facet: a name alone does not say which bytes were read."""
    facets = cast(JsonObject, dataset.get("facets") or {})
    told = str(cast(JsonObject, facets.get(_VERSION_FACET) or {}).get("datasetVersion", ""))
    if not told:
        return None
    namespace, name = _text(str(dataset["namespace"])), _text(str(dataset["name"]))
    digest = _sha256(told)
    if namespace != NAMESPACE:
        name = f"{namespace}/{name}"
        return Version(id=digest or _text(f"{name}@{told}"), type="dataset", name=name, digest=digest)
    if name.startswith("source/") and digest:
        return source_version(name.removeprefix("source/"), digest)
    return Version(id=digest or _text(f"{name}@{told}"), type=type_of(name), name=name, digest=digest)


def _sha256(version: str) -> str:
    """`sha256:9f…` or `9f…` -> 64 lower-case hex digits; anything else -> ""."""
    digits = version.removeprefix("sha256:").lower()
    is_digest = len(digits) == _SHA256_LENGTH and all(c in "0123456789abcdef" for c in digits)
    return digits if is_digest else ""


def _parent(run: JsonObject) -> str | None:
    facet = cast(JsonObject, cast(JsonObject, run.get("facets") or {}).get("parent") or {})
    parent = facet.get("run")
    return _text(str(parent["runId"])) if isinstance(parent, dict) and parent.get("runId") else None


def _text(value: str) -> str:
    if "\x00" in value:
        raise SpecError(f"lineage event: expected a name, found a NUL byte in {value!r}; mend the producer")
    if len(value.encode()) > _LONGEST_NAME_BYTES:
        raise SpecError(f"lineage event: expected names of at most {_LONGEST_NAME_BYTES} bytes, found {value[:80]!r}…")
    return value
