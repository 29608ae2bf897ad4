"""Sources to files, files to rows, rows to a dataset version.

Everything is fetched and its checksums held against the spec before a byte is parsed. Shards and manifest are
content-addressed and the manifest comes last: an interrupted collection leaves no version, and collecting
unchanged data again names the same one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay.dataset import DatasetVersion, save_dataset
from assay.erasure import Erasures
from assay.errors import SpecError
from assay.json_types import Json
from assay.readers.read import read_files
from assay.records import Check, Step, StepReport, Subject, Verdict
from assay.sdk import Collected
from assay.shards import write_shards
from assay.sources.captured import CapturedRows, captured_batches, fetch_captured
from assay.sources.fetch import fetch_sources
from assay.sources.landing import FetchedSource, Landing
from assay.spec import CapturedSource, CollectorSpec
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.collection.origins import captured_fact, manifest_sources, source_facts, told_facts
from tasks.collection.raw_rows import RawRows, without_rows
from tasks.collection.user_rows import described, open_collector, user_rows

if TYPE_CHECKING:
    import pyarrow as pa


def collect_dataset(request: StepRequest, bench: Workbench) -> StepReport:
    """Make `raw`, the version named after the pipeline, and `trusted`, where the spec names trusted sources.

    facts: rows, captured, sources (uri, sha256, etag, fetched_at, package, version), new_version, trusted.
    Raises SpecError for data that is not as the spec says, IntegrityError for a changed checksum,
    EngineUnavailable when a source does not answer.
    """
    data, name = request.spec.data, request.spec.name
    raw = _collect(name, data.collector, request, bench)
    if not data.trusted:
        return _report(request, bench, raw, None)
    collector = data.collector.model_copy(update={"sources": data.trusted})
    return _report(request, bench, raw, _collect(f"{name}.trusted", collector, request, bench))


@dataclass(frozen=True)
class _Collection:
    """A version that is not saved yet, and what is known of its sources. captured: rows among it that were served."""

    version: DatasetVersion
    sources: list[dict[str, Json]]
    captured: int


def _collect(name: str, spec: CollectorSpec, request: StepRequest, bench: Workbench) -> _Collection:
    landing = Landing(_folder(bench, f"{name}-sources"), _folder(bench, f"{name}-archives"), bench.clock())
    fetched = fetch_sources(spec.sources, landing, bench.settings)
    captured = _captured(request.spec.name, spec, bench, landing)
    collected, batches = _parse(spec, landing.folder, fetched)
    rows = RawRows(spec, batches)
    erased = Erasures.of(bench.ledger).rows.get(request.spec.name, frozenset())
    every = without_rows(_every_row(rows, captured, spec), erased)
    shards = write_shards(every, bench.store, bench.workdir)
    if not shards:
        raise SpecError(_without_rows(name, spec))
    facts = source_facts(fetched, bench.store) + [captured_fact(part) for part in captured]
    facts += told_facts(collected.sources, facts, landing.at)
    version = DatasetVersion(
        name=name,
        kind=spec.kind,
        label=spec.label,
        columns=_columns(rows, captured, spec),
        shards=shards,
        sources=manifest_sources(facts),
        row_id_rule=collected.row_id_rule or rows.row_id_rule or "request id and row of the captured answer",
    )
    return _Collection(version, facts, sum(part.rows for part in captured))


def _without_rows(name: str, spec: CollectorSpec) -> str:
    has_captured = any(isinstance(source, CapturedSource) for source in spec.sources)
    way_out = "label rows that the deployment answered, or add a source" if has_captured else "mend data.collector"
    return f"{name}: expected rows, found none in {len(spec.sources)} sources; {way_out}"


def _folder(bench: Workbench, name: str) -> Path:
    folder = bench.workdir / name
    folder.mkdir()
    return folder


def _captured(name: str, spec: CollectorSpec, bench: Workbench, landing: Landing) -> list[CapturedRows]:
    if not any(isinstance(source, CapturedSource) for source in spec.sources):
        return []
    return [fetch_captured(bench.settings, name, landing.at)]


def _parse(
    spec: CollectorSpec, folder: Path, fetched: list[FetchedSource]
) -> tuple[Collected, Iterator["pa.RecordBatch"]]:
    if ":" in spec.reader:
        collector = open_collector(spec)
        return described(collector, spec, folder), user_rows(collector, spec, folder)
    names = [(source.uri, file.name) for source in fetched for file in source.files]
    files = [folder / name for uri, name in names if not uri.startswith("sql:")]
    queries = [folder / name for uri, name in names if uri.startswith("sql:")]
    return Collected(), read_files(spec, files, queries)


def _every_row(rows: RawRows, captured: list[CapturedRows], spec: CollectorSpec) -> Iterator["pa.RecordBatch"]:
    yield from rows
    for part in captured:
        yield from captured_batches(part, spec, rows.schema)


def _columns(rows: RawRows, captured: list[CapturedRows], spec: CollectorSpec) -> dict[str, str]:
    schema = rows.schema
    if schema is None:
        schema = next(captured_batches(captured[0], spec, None)).schema
    return {field.name: str(field.type) for field in schema}


def _report(request: StepRequest, bench: Workbench, collection: _Collection, trusted: _Collection | None) -> StepReport:
    version, sources = collection.version, collection.sources
    products = {"raw": save_dataset(version, bench.store)}
    facts: dict[str, Json] = {}
    previous = _previous(request, bench)
    bench.say(f"collect: {version.rows} rows in {len(version.shards)} shards, {_news(products['raw'], previous)}")
    detail = f"{version.rows} rows from {len(sources)} sources, every checksum as the spec says"
    if trusted is not None:
        products["trusted"] = save_dataset(trusted.version, bench.store)
        facts["trusted"] = {"rows": trusted.version.rows, "sources": [*trusted.sources]}
        detail += f"; {trusted.version.rows} trusted rows"
    return StepReport(
        step=Step.COLLECT,
        pipeline=request.spec.name,
        verdict=Verdict.PASSED,
        products=products,
        checks=(Check("rows", Verdict.PASSED, detail, float(version.rows), 1.0),),
        facts={
            "rows": version.rows,
            "captured": collection.captured,
            "shards": len(version.shards),
            "sources": sources,
            "new_version": products["raw"] != previous,
            **facts,
        },
    )


def _previous(request: StepRequest, bench: Workbench) -> Subject | None:
    """What the collection before this one made."""
    entries = bench.ledger.find(step=Step.COLLECT, pipeline=request.spec.name, limit=1)
    return entries[0].report.products.get("raw") if entries else None


def _news(raw: Subject, previous: Subject | None) -> str:
    return "unchanged" if raw == previous else f"version {raw.sha256[:12]}"
