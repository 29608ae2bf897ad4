"""A benchmark in two steps, as Airflow runs it: fetch and scan, then measure the very same bytes, each step signed.

Between the steps travel digests: the files lie in the store. A passed scan is no evidence of its own; a refusal is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self, cast

from assay.digests import canonical_json
from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.records import RunContext, Verdict
from assay.sources.fetch import fetch_sources
from assay.sources.landing import Landing
from assay.spec import PathSource, S3Source
from assay.workbench import Workbench
from tasks.attacks.ball import Ball
from tasks.benchmarking.benchmark_files import benchmark_files, inspect_files, refused
from tasks.benchmarking.confined_run import GIB, Limits, default_memory_bytes
from tasks.benchmarking.sign_benchmark import Run, sign_benchmark
from tasks.robustness.bench_model import BenchRequest

_TOLD = ("verdict", "model", "dataset", "clean_accuracy", "robust_accuracy", "ci95", "samples", "threat_model", "suite")


@dataclass(frozen=True)
class Stored:
    """Files in the store: name -> sha256. model: one. dataset: all below one folder."""

    model: Mapping[str, str]
    dataset: Mapping[str, str]

    def to_json(self) -> JsonObject:
        return {"model": {**self.model}, "dataset": {**self.dataset}}

    @classmethod
    def from_json(cls, value: JsonObject) -> Self:
        return cls(*(cast("Mapping[str, str]", value[role]) for role in ("model", "dataset")))


def scan_foreign(asked: Mapping[str, Any], context: RunContext, bench: Workbench) -> JsonObject:
    """{verdict, files}, or of a refusal, whose files are not stored, {verdict, findings, statement}.

    asked: the form's fields. Raises SpecError for files that are not there or cannot be read, SourceUnreachable when
    their store does not answer.
    """
    started = bench.clock()
    fetched = {role: _fetch(str(asked[role]), bench, role, started) for role in ("model", "dataset")}
    request, limits = _request(asked, fetched["model"], fetched["dataset"]), _limits(asked)
    found = inspect_files(request, limits)
    if found.report.verdict is not Verdict.PASSED:
        statement = _sign(refused(found), asked, context, bench, started)
        return {"verdict": found.report.verdict.value, "findings": found.check.detail, "statement": statement}
    stored = Stored(_store((request.model,), bench), _store(found.data.files, bench, found.data.path))
    return {"verdict": Verdict.PASSED.value, "files": stored.to_json()}


def bench_foreign(asked: Mapping[str, Any], stored: Stored, context: RunContext, bench: Workbench) -> JsonObject:
    """The document in short, its digest in the store, and its signed `statement`."""
    started = bench.clock()
    model = _restore(stored.model, bench, "model")
    dataset = _restore(stored.dataset, bench, "dataset")
    document = benchmark_files(_request(asked, model, dataset), _limits(asked), bench.say)
    statement = _sign(document, asked, context, bench, started)
    digest = bench.store.put_bytes(canonical_json(document))
    return {**{key: document[key] for key in _TOLD}, "document": digest, "statement": statement}


def _fetch(uri: str, bench: Workbench, role: str, at: datetime) -> Path:
    """The file, or the folder of several."""
    folder = bench.workdir / role
    folder.mkdir()
    if uri.startswith("s3://"):
        source: S3Source | PathSource = S3Source(source="s3", url=uri)
    elif "://" in uri or not Path(uri).is_absolute():
        raise SpecError(f"{role} {uri!r}: expected an absolute path on the worker or s3://BUCKET/KEY; mend the form")
    else:
        _require_public(Path(uri), bench, role)
        source = PathSource(source="path", path=uri)
    (fetched,) = fetch_sources([source], Landing(folder, bench.workdir, at), bench.settings)
    if len(fetched.files) == 1:
        return folder / fetched.files[0].name
    if role == "model":
        raise SpecError(f"model {uri!r}: expected one file, found {len(fetched.files)}; name the file")
    return folder


def _require_public(path: Path, bench: Workbench, role: str) -> None:
    """Who may start a benchmark may not thereby copy keys into the store, nor by a folder above or a link to them."""
    for kept in (one.resolve() for one in (bench.settings.keys, bench.settings.home)):
        if kept.is_relative_to(path.resolve()) or any(one.resolve().is_relative_to(kept) for one in _all_below(path)):
            raise SpecError(
                f"{role} {str(path)!r}: lies among this deployment's keys and state, or holds them; copy it elsewhere"
            )


def _all_below(path: Path) -> Iterator[Path]:
    yield path
    yield from path.rglob("*")


def _store(files: Sequence[Path], bench: Workbench, root: Path | None = None) -> dict[str, str]:
    """What is measured, and nothing that lies beside it. root: the folder, where there is one."""
    return {
        one.relative_to(root).as_posix() if root and root.is_dir() else one.name: bench.store.put_file(one)
        for one in files
    }


def _restore(files: Mapping[str, str], bench: Workbench, role: str) -> Path:
    folder = bench.workdir / role
    landing = Landing(folder, bench.workdir, bench.clock())
    for name, sha256 in files.items():
        bench.store.fetch(sha256, landing.place(name))
    return folder / next(iter(files)) if len(files) == 1 else folder


def _request(asked: Mapping[str, Any], model: Path, dataset: Path) -> BenchRequest:
    return BenchRequest(
        model=model,
        dataset=dataset,
        ball=Ball(asked["norm"], float(asked["epsilon"])),
        suite=str(asked["suite"]),
        labels=asked["labels"] or None,
        samples=int(asked["samples"]),
        seed=int(asked["seed"]),
        least=None if asked["least"] is None else float(asked["least"]),
        with_corruptions=bool(asked["corruptions"]),
    )


def _limits(asked: Mapping[str, Any]) -> Limits:
    memory = asked["memory_gib"]
    return Limits(default_memory_bytes() if memory is None else int(memory * GIB), float(asked["timeout_seconds"]))


def _sign(
    document: JsonObject, asked: Mapping[str, Any], context: RunContext, bench: Workbench, started: datetime
) -> JsonObject:
    run = Run(context, dict(asked), started, bench.clock())
    entry = bench.ledger.append(sign_benchmark(document, run, bench.keys))
    return {"sha256": entry.sha256, "entry": entry.seq}
