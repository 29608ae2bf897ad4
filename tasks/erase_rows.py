"""Erase rows of a dataset for good: from every stored version, in a way that leaves every proof as it was."""

import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from assay.dataset import ROW_ID, DatasetVersion, Shard, read_table, save_dataset
from assay.erasure import HELD, REMAINING, Erasures
from assay.ledger import LedgerEntry
from assay.lineage.dataset_versions import versions_of
from assay.lineage.descendants import descendants
from assay.lineage.store import LineageStore
from assay.quarantine.declaration import PIPELINE
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.station import append_report
from assay.store import Store
from assay.stored_rows import picked_shards, rows_held, rows_in_each
from assay.unknown_rows import unknown_rows
from assay.workbench import Workbench
from tasks.quarantine.row_ids import whole_dataset

_EVERY = """
    SELECT DISTINCT ON (id) id, name FROM assay_lineage.versions WHERE signed AND type = 'dataset' ORDER BY id, at
"""


@dataclass(frozen=True)
class Erased:
    """entry: of the ledger. versions: which held the rows. objects: digests removed.

    pages: digests of pages that may show the rows and are still there. shared: removed objects that other datasets
    would have missed, and so were kept, with the names of those.
    """

    entry: LedgerEntry
    versions: tuple[Subject, ...]
    objects: tuple[str, ...]
    pages: tuple[str, ...]
    shared: Mapping[str, str]


@dataclass(frozen=True)
class Erasure:
    """What is to go, and why. with_pages: pages about versions that held the rows go as well."""

    dataset: str
    rows: frozenset[str]
    reason: str
    with_pages: bool = False


def erase_rows(wish: Erasure, context: RunContext, bench: Workbench, lineage: LineageStore) -> Erased:
    """Write each version without the rows, sign what is erased, then remove the objects that held them.

    A later collection leaves the rows out. Raises SpecError for ids that no version holds; nothing is changed then.
    """
    whole_dataset(wish.dataset)
    before, started = Erasures.of(bench.ledger), bench.clock()
    _finish(before, bench, lineage)
    held = _versions_with(wish, before, bench.store, lineage)
    remaining = {subject: _without(version, wish.rows, bench) for subject, version in held.items()}
    shards = _only_in(held, remaining, before, bench)
    shared = _rested_on(shards, held, before, bench, lineage)
    pages = _pages(held, bench, lineage)
    objects = sorted(shards - shared.keys() | (set(pages) if wish.with_pages else set()))
    entry = append_report(_report(wish, remaining, objects), context, bench, started, {"reason": wish.reason})
    for sha256 in objects:
        bench.store.remove(sha256)
    return Erased(entry, tuple(held), tuple(objects), () if wish.with_pages else pages, shared)


def _versions_with(
    wish: Erasure, erasures: Erasures, store: Store, lineage: LineageStore
) -> dict[Subject, DatasetVersion]:
    with lineage.database.transaction() as connection:
        known = versions_of(connection, wish.dataset)
    standing = [Subject(one.name, one.digest) for one in known if one.digest not in erasures.remaining]
    versions = [erasures.load(subject, store) for subject in standing]
    with tempfile.TemporaryDirectory(prefix="assay-rows-") as folder:
        found = rows_in_each(versions, wish.rows, store, Path(folder))
    if missing := wish.rows - set().union(*found):
        raise unknown_rows("nothing was erased", wish.dataset, missing, versions, store)
    return {subject: version for subject, version, ids in zip(standing, versions, found, strict=True) if ids}


def _without(version: DatasetVersion, rows: Collection[str], bench: Workbench) -> Subject:
    shards: list[Shard] = []
    for shard in version.shards:
        alone = replace(version, shards=(shard,))
        if rows_held(alone, rows, bench.store, bench.workdir):
            shards += _cleaned(alone, rows, bench)
        else:
            shards.append(shard)
    return save_dataset(replace(version, shards=tuple(shards)), bench.store)


def _cleaned(version: DatasetVersion, rows: Collection[str], bench: Workbench) -> Iterable[Shard]:
    import numpy as np

    (shard,) = version.shards
    ids = read_table(version, bench.store, bench.workdir, [ROW_ID])[ROW_ID].to_pylist()
    keep = np.array([row not in rows for row in ids], dtype=bool)
    if not keep.any():
        return ()
    return picked_shards(version, keep, bench.store, bench.workdir, f"{shard.name.removesuffix('.parquet')}-kept")


def _only_in(
    held: Mapping[Subject, DatasetVersion], remaining: Mapping[Subject, Subject], before: Erasures, bench: Workbench
) -> set[str]:
    """Shards of the versions that held the rows and of none that remains."""
    kept = {shard.sha256 for subject in remaining.values() for shard in before.load(subject, bench.store).shards}
    return {shard.sha256 for version in held.values() for shard in version.shards} - kept


def _finish(before: Erasures, bench: Workbench, lineage: LineageStore) -> None:
    """Remove what a killed erasure left, but nothing that a dataset collected later rests on."""
    if left := before.unfinished(bench.store):
        for sha256 in left - _rested_on(left, (), before, bench, lineage).keys():
            bench.store.remove(sha256)


def _rested_on(
    shards: Collection[str], but: Collection[Subject], before: Erasures, bench: Workbench, lineage: LineageStore
) -> dict[str, str]:
    """Equal bytes are one object: those that standing versions rest on, shard -> name. but: versions about to go."""
    with lineage.database.transaction() as connection:
        known = connection.execute(_EVERY).fetchall()
    gone = before.remaining.keys() | {subject.sha256 for subject in but}
    found: dict[str, str] = {}
    for digest, name in known:
        if digest not in gone:
            version = before.load(Subject(name, digest), bench.store)
            found |= {shard.sha256: name for shard in version.shards if shard.sha256 in shards}
    return found


def _report(wish: Erasure, remaining: Mapping[Subject, Subject], objects: list[str]) -> StepReport:
    words = f"{len(wish.rows)} rows of {wish.dataset} erased: {wish.reason}"
    return StepReport(
        step=Step.ERASE,
        pipeline=PIPELINE,
        verdict=Verdict.PASSED,
        products={f"{REMAINING}-{at}": subject for at, subject in enumerate(remaining.values())},
        inputs={f"{HELD}-{at}": subject for at, subject in enumerate(remaining)},
        checks=(Check("rows", Verdict.PASSED, words, float(len(wish.rows))),),
        facts={"dataset": wish.dataset, "rows": sorted(wish.rows), "reason": wish.reason, "objects": [*objects]},
    )


def _pages(held: Iterable[Subject], bench: Workbench, lineage: LineageStore) -> tuple[str, ...]:
    """Pages that may quote or picture rows of the versions: of their screen and validation, and trust reports of
    models made of them, as registered and as approvers saw them."""
    with lineage.database.transaction() as connection:
        below = descendants(connection, [subject.sha256 for subject in held])
    found = [entry for node in below for entry in bench.ledger.find(subject_sha256=node.digest)]
    cited = [entry.report.facts.get(key) for entry in found for key in ("report", "data_docs")]
    bound = [entry.report.facts.get("bound") for entry in found]
    seen = [one.get("report") for one in bound if isinstance(one, Mapping)]
    return tuple(dict.fromkeys(one for one in (*cited, *seen) if isinstance(one, str) and bench.store.exists(one)))
