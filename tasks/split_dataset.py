"""Divide admitted rows into training and the frozen trusted holdout, by what the rows say and nothing else.

A row's side follows from a salted digest of its normalised input, without the label: copies, near-copies of a
text and relabelled copies land together, now and in every later run. What is still nearer to a held-out row than sound
rows come to each other is left out of training. Holdout rows are frozen: each run adds a
segment with the new ones, what was held out once is never trained on, even when it is collected again.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.dataset import ROW_ENTITY, ROW_WEIGHT, DatasetVersion, iterate_batches, load_dataset, save_dataset
from assay.errors import SpecError
from assay.feature_columns import feature_columns
from assay.records import Check, Step, StepReport, Subject, Verdict, combined_verdict
from assay.row_content import Likeness
from assay.spec import HoldoutSpec
from assay.station import StepRequest
from assay.stored_rows import picked_shards, version_digests, version_schema
from assay.workbench import Workbench
from tasks.holdout_copies import HoldoutCopies, find_holdout_copies
from tasks.holdout_segments import Segment, frozen_keys, frozen_segments, joined, unweighted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SMALLEST_HOLDOUT = 20


@dataclass(frozen=True)
class _Sides:
    """One mask over the admitted rows each. held: in the holdout already. A row in none of them was mended."""

    train: "NDArray[np.bool_]"
    fresh: "NDArray[np.bool_]"
    held: "NDArray[np.bool_]"


def split_dataset(request: StepRequest, bench: Workbench) -> StepReport:
    """Make `train`, `holdout` (every segment) and `recent` (the newest segment).

    facts.segments: digests of all segments, oldest first; the next split starts from them.
    Raises SpecError when there are no rows for one of the sides.
    """
    admitted = load_dataset(request.input("admitted"), bench.store)
    if not admitted.shards:
        raise SpecError(f"{request.spec.name}: expected admitted rows, found none; look at the screen's report")
    schema = version_schema(admitted, bench.store, bench.workdir)
    columns = feature_columns(schema, admitted.kind, admitted.label)
    frozen, before = frozen_segments(bench, request.spec.name)
    by_entity = ROW_ENTITY in admitted.columns
    groups, likeness = ([ROW_ENTITY], Likeness.EXACT) if by_entity else (columns, Likeness.NEAR)
    held = frozen_keys(frozen, groups, admitted, bench, likeness)
    keys = version_digests(admitted, groups, likeness, bench.store, bench.workdir)
    sides = _sides(keys, held, request.spec.data.holdout, _untouched(admitted, bench))
    if by_entity:
        sides = _without_copies(sides, frozen_keys(frozen, columns, admitted, bench), columns, admitted, bench)
    copies = find_holdout_copies(
        admitted, sides.train, sides.held | sides.fresh, [segment.version for segment in frozen], bench
    )
    train = _part(request, bench, admitted, sides.train & ~copies.is_copy, "train")
    segments = frozen
    if sides.fresh.any():
        segment = _part(request, bench, unweighted(admitted), sides.fresh, "recent", f"holdout-{len(frozen):03d}")
        segments = (*frozen, Segment(save_dataset(segment, bench.store), segment))
    if not segments or not train.shards:
        raise SpecError(
            f"{request.spec.name}: expected rows for training and for the holdout, found {len(keys)} rows that are all "
            "on one side; collect more rows or change data.holdout.fraction"
        )
    holdout = joined(segments, f"{request.spec.name}.holdout")
    return _report(request, bench, train, holdout, segments, before, columns, copies)


def _without_copies(
    sides: _Sides, held: set[bytes], columns: list[str], admitted: DatasetVersion, bench: Workbench
) -> _Sides:
    """Entities decide the sides; of equal inputs of two entities the held-out one stays."""
    import numpy as np

    contents = version_digests(admitted, columns, Likeness.NEAR, bench.store, bench.workdir)
    out = held | {content for content, is_fresh in zip(contents, sides.fresh, strict=True) if is_fresh}
    return replace(sides, train=sides.train & ~np.array([content in out for content in contents], dtype=bool))


def _untouched(admitted: DatasetVersion, bench: Workbench) -> "NDArray[np.bool_]":
    """(rows,): whether the screen left the row as it was collected. Mended rows must not judge a model."""
    import numpy as np

    if ROW_WEIGHT not in admitted.columns:
        return np.ones(admitted.rows, dtype=bool)
    batches = iterate_batches(admitted, bench.store, bench.workdir, [ROW_WEIGHT])
    return np.asarray(np.concatenate([batch.column(0).to_numpy() for batch in batches]) == 1)


def _sides(keys: list[bytes], held: set[bytes], rule: HoldoutSpec, untouched: "NDArray[np.bool_]") -> _Sides:
    import numpy as np

    is_held = np.array([key in held for key in keys], dtype=bool)
    is_out = np.array([holdout_position(key, rule.salt) < rule.fraction for key in keys], dtype=bool)
    return _Sides(train=~is_out & ~is_held, fresh=is_out & ~is_held & untouched, held=is_held)


def holdout_position(key: bytes, salt: str) -> float:
    """A number in [0, 1), evenly spread over keys: below the holdout's fraction means held out."""
    digest = hashlib.sha256(salt.encode() + b"\0" + key).digest()
    return int.from_bytes(digest[:6], "big") / float(1 << 48)


def _part(
    request: StepRequest,
    bench: Workbench,
    admitted: DatasetVersion,
    rows: "NDArray[np.bool_]",
    role: str,
    prefix: str = "",
) -> DatasetVersion:
    shards = picked_shards(admitted, rows, bench.store, bench.workdir, prefix or role)
    parent = request.input("admitted").sha256
    return replace(admitted, name=f"{request.spec.name}.{role}", shards=shards, parent=parent)


def _report(
    request: StepRequest,
    bench: Workbench,
    train: DatasetVersion,
    holdout: DatasetVersion,
    segments: tuple[Segment, ...],
    before: Subject | None,
    columns: list[str],
    copies: HoldoutCopies,
) -> StepReport:
    checks = (*_checks(bench, train, holdout, columns), *copies.checks)
    recent = segments[-1]
    bench.say(f"split: {train.rows} rows to train, {holdout.rows} held out in {len(segments)} segments")
    return StepReport(
        step=Step.SPLIT,
        pipeline=request.spec.name,
        verdict=combined_verdict(checks),
        products={
            "train": save_dataset(train, bench.store),
            "holdout": save_dataset(holdout, bench.store),
            "recent": recent.subject,
        },
        inputs={"admitted": request.input("admitted"), **({"frozen": before} if before else {})},
        checks=checks,
        facts={
            "rows": {"train": train.rows, "holdout": holdout.rows, "recent": recent.version.rows},
            "near_copies": copies.facts,
            "segments": [segment.subject.sha256 for segment in segments],
            "fraction": request.spec.data.holdout.fraction,
            "salt": request.spec.data.holdout.salt,
        },
    )


def _checks(bench: Workbench, train: DatasetVersion, holdout: DatasetVersion, columns: list[str]) -> tuple[Check, ...]:
    """Asked of what was written, not of what was meant."""
    sides = [
        set(version_digests(side, columns, Likeness.NEAR, bench.store, bench.workdir)) for side in (train, holdout)
    ]
    classes = [_classes(side, bench) for side in (train, holdout)]
    shared = (_overlap(len(sides[0] & sides[1])), *_shared_entities(train, holdout, bench))
    return (*shared, _coverage(*classes), _size(holdout.rows))


def _shared_entities(train: DatasetVersion, holdout: DatasetVersion, bench: Workbench) -> tuple[Check, ...]:
    if ROW_ENTITY not in train.columns:
        return ()
    sides = [
        set(version_digests(side, [ROW_ENTITY], Likeness.EXACT, bench.store, bench.workdir))
        for side in (train, holdout)
    ]
    shared = len(sides[0] & sides[1])
    verdict = Verdict.FAILED if shared else Verdict.PASSED
    return (Check("no entity on both sides", verdict, f"{shared} entities are on both sides", float(shared), 0.0),)


def _classes(version: DatasetVersion, bench: Workbench) -> set[str]:
    batches = iterate_batches(version, bench.store, bench.workdir, [version.label])
    return {str(value) for batch in batches for value in batch.column(0).unique().to_pylist()}


def _overlap(shared: int) -> Check:
    verdict = Verdict.FAILED if shared else Verdict.PASSED
    detail = f"{shared} inputs are on both sides, compared by content without the label"
    return Check("no overlap of train and holdout", verdict, detail, float(shared), 0.0)


def _coverage(train: set[str], holdout: set[str]) -> Check:
    name = "every class on both sides"
    lost = [f"{label} only in {side}" for side, own, other in
            (("train", train, holdout), ("holdout", holdout, train)) for label in sorted(own - other)]  # fmt: skip
    if lost:
        detail = f"{', '.join(lost)}; collect more rows of these classes or enlarge data.holdout.fraction"
        return Check(name, Verdict.FAILED, detail, float(len(lost)), 0.0)
    return Check(name, Verdict.PASSED, f"{len(train)} classes in train and holdout", 0.0, 0.0)


def _size(rows: int) -> Check:
    verdict = Verdict.PASSED if rows >= SMALLEST_HOLDOUT else Verdict.FAILED
    detail = f"{rows} rows held out, {SMALLEST_HOLDOUT} needed to say anything of a model"
    return Check("holdout size", verdict, detail, float(rows), float(SMALLEST_HOLDOUT))
