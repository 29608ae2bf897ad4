"""What one run was seen to read and make: the only thing the lineage store is fed with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from assay.records import StepReport, Subject

_TYPES = ("dataset", "model", "deployment", "source", "report")
_LONGEST_URI = 800  # names are keys; the digest, not the name, says which bytes


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
    return Version(id=sha256, type="source", name=uri[:_LONGEST_URI], digest=sha256)


def actor_version(name: str, digest: str = "") -> Version:
    """The node of the person or event behind a run; `digest` is the ledger entry's, for events."""
    return Version(id=name, type="actor", name=name, digest=digest)


def type_of(name: str) -> str:
    """`model/digits` -> `model`; a name without one of Assay's prefixes is a dataset."""
    prefix = name.partition("/")[0]
    return prefix if prefix in _TYPES else "dataset"


def report_sources(report: StepReport) -> tuple[Version, ...]:
    """The raw bytes a collection fetched, for its rows and its trusted rows: those that name a digest."""
    trusted = report.facts.get("trusted")
    told = [report.facts.get("sources"), trusted.get("sources") if isinstance(trusted, Mapping) else None]
    sources = [source for part in told if isinstance(part, list) for source in part if isinstance(source, Mapping)]
    return tuple(source_version(str(s["uri"]), str(s["sha256"])) for s in sources if s.get("uri") and s.get("sha256"))
