"""What one run was seen to read and make: the only thing the lineage store is fed with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from assay.json_types import JsonObject
from assay.records import StepReport, Subject

_TYPES = ("dataset", "model", "deployment", "source", "report")
_LONGEST_URI = 800  # names are keys; the digest, not the name, says which bytes
_LONGEST_ETAG = 200  # a server may send anything


@dataclass(frozen=True)
class Version:
    """A node of the graph.

    id: the digest where there is one (so equal bytes are one node); `user/NAME`, `drift/SHA256` or
    `schedule/PIPELINE` for actors; `NAMESPACE/NAME@VERSION` for versions of others that are no SHA-256.
    """

    id: str
    type: str
    name: str
    digest: str = ""


@dataclass(frozen=True)
class RunSeen:
    """One run as one witness tells it; several witnesses of a run add up.

    run_id: the OpenLineage run id. state: START, RUNNING, COMPLETE, ABORT, FAIL or OTHER.
    Every input leads to every output. signed: whether the ledger tells it.
    """

    run_id: str
    job: str
    state: str
    at: datetime
    inputs: tuple[Version, ...] = ()
    outputs: tuple[Version, ...] = ()
    parent_run_id: str | None = None
    signed: bool = False


def subject_version(subject: Subject) -> Version:
    """The node of something Assay names by digest."""
    return Version(id=subject.sha256, type=type_of(subject.name), name=subject.name, digest=subject.sha256)


def source_version(uri: str, sha256: str) -> Version:
    """The node of raw bytes as fetched from `uri`."""
    return Version(id=sha256, type="source", name=source_name(uri), digest=sha256)


def source_name(uri: str) -> str:
    """What a source is called in the graph."""
    return uri[:_LONGEST_URI]


def actor_version(name: str, digest: str = "") -> Version:
    """The node of the person or event behind a run; `digest` is the ledger entry's, for events."""
    return Version(id=name, type="actor", name=name, digest=digest)


def type_of(name: str) -> str:
    """`model/digits` -> `model`; a name without one of Assay's prefixes is a dataset."""
    prefix = name.partition("/")[0]
    return prefix if prefix in _TYPES else "dataset"


def report_sources(report: StepReport) -> tuple[Version, ...]:
    """The raw bytes a collection fetched, for its rows and its trusted rows: those that name a digest."""
    told = [source for source in _sources(report) if source.get("uri") and source.get("sha256")]
    return tuple(source_version(str(source["uri"]), str(source["sha256"])) for source in told)


def report_etags(report: StepReport) -> tuple[Version, ...]:
    """The same bytes as their server calls them, `URI@ETAG`: what another producer may name as their version."""
    told = [(source_name(str(source["uri"])), str(source["etag"])) for source in _sources(report)
            if source.get("uri") and source.get("etag")]  # fmt: skip
    return tuple(Version(f"{uri}@{etag}", "source", uri) for uri, etag in told if len(etag) <= _LONGEST_ETAG)


def _sources(report: StepReport) -> list[JsonObject]:
    trusted = report.facts.get("trusted")
    told = [report.facts.get("sources"), trusted.get("sources") if isinstance(trusted, Mapping) else None]
    return [source for part in told if isinstance(part, list) for source in part if isinstance(source, Mapping)]
