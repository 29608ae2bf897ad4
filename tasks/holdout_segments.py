"""The frozen holdout: segments that are added, never changed, and found again through signed statements."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from assay.dataset import ROW_WEIGHT, DatasetVersion, load_dataset
from assay.errors import SpecError
from assay.records import Step, Subject, Verdict
from assay.row_content import Likeness
from assay.stored_rows import version_digests
from assay.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Segment:
    """Holdout rows of one split run, frozen since."""

    subject: Subject
    version: DatasetVersion


def frozen_segments(bench: Workbench, pipeline: str) -> tuple[tuple[Segment, ...], Subject | None]:
    """The segments of the newest split that passed, oldest first, and the holdout they made; none before the first.

    Raises IntegrityError when a segment is missing from the store or was changed.
    """
    for entry in bench.ledger.find(step=Step.SPLIT, pipeline=pipeline, verdict=Verdict.PASSED, limit=1):
        digests = cast("list[str]", entry.report.facts["segments"])
        subjects = [Subject(f"dataset/{pipeline}.recent", sha256) for sha256 in digests]
        loaded = tuple(Segment(subject, load_dataset(subject, bench.store)) for subject in subjects)
        return loaded, entry.report.products["holdout"]
    return (), None


def frozen_keys(
    segments: "Sequence[Segment]",
    columns: list[str],
    current: DatasetVersion,
    bench: Workbench,
    likeness: Likeness = Likeness.NEAR,
) -> set[bytes]:
    """Keys of all frozen rows by their content in `columns`.

    Raises SpecError when the rows have other columns now: then no model could be examined on both.
    """
    keys: set[bytes] = set()
    for segment in segments:
        if dict(segment.version.columns) != unweighted(current).columns or segment.version.label != current.label:
            raise SpecError(
                f"{current.name}: expected the columns of the frozen holdout {_named(segment.version)}, found "
                f"{_named(current)}; bring them back, or begin a new pipeline (another `name`) with a new holdout"
            )
        keys.update(version_digests(segment.version, columns, likeness, bench.store, bench.workdir))
    return keys


def unweighted(version: DatasetVersion) -> DatasetVersion:
    """The version without weights: held-out rows all count alike, whatever the screen does in later versions."""
    return replace(version, columns={name: kind for name, kind in version.columns.items() if name != ROW_WEIGHT})


def joined(segments: "Sequence[Segment]", name: str) -> DatasetVersion:
    """All segments as one version. It depends on them alone, so a holdout that does not grow keeps its name."""
    newest = segments[-1].version
    shards = tuple(shard for segment in segments for shard in segment.version.shards)
    return replace(newest, name=name, shards=shards)


def _named(version: DatasetVersion) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in version.columns.items())
