"""A dataset file, and trusted rows beside it, as the case the detectors judge, with what must be said of both."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import SpecError
from assay.records import Check, Verdict
from tasks.screening.case import Case
from tasks.screening.file_rows import FileRows
from tasks.screening.row_parts import CellCounts
from tasks.screening.row_reading import Reading, RowEngine, in_process
from tasks.screening.rows import ScreenRows, gather_rows
from tasks.screening.together import gather_together
from tasks.screening.uniform_rows import UniformRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_ROWS = 20
FEWEST_OF_A_CLASS = 3
_MANY_CLASSES = 0.5
_MOST_NAMED = 5


@dataclass(frozen=True)
class FileCase:
    """checks: of the input itself, before any detector. notes: what plays no part, in words. reading: of the rows."""

    case: Case
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    reading: Reading


def load_case(
    file: FileRows, trusted: FileRows | None, rate: float, seed: int, engine: RowEngine = in_process
) -> FileCase:
    """Read both; the engine reads the rows to be judged. Raises SpecError for rows that nobody can judge."""
    columns, source = file.columns, file.source()
    reading = Reading(source, engine, file.prefix)
    left_out, vouched = 0, None
    if trusted is None:
        rows = gather_rows(reading.parts(), columns.kind)
    else:
        _agree(file, trusted)
        known = Reading(trusted.source(with_source=source.with_source), prefix=trusted.prefix)
        rows, vouched, left_out = gather_together(reading.parts(), known.parts(), columns.kind)
        if known.counts.broken:
            broken = ", ".join(known.counts.broken)
            raise SpecError(f"--trusted: NaN or infinite values in {broken}; trust only sound rows")
    _refuse_hopeless(rows, columns.label)
    checks = (check_labels(rows, vouched), check_values(columns.kind, reading.counts))
    notes = [
        *_notes(file, source),
        *([f"{left_out} trusted rows of classes that the dataset does not have"] if left_out else []),
    ]
    return FileCase(Case(rows, vouched, rate, seed), checks, tuple(notes), reading)


def check_labels(rows: ScreenRows, trusted: ScreenRows | None) -> Check:
    """Not checked when a class cannot be judged or a label looks like none of the classes."""
    import numpy as np

    counts = np.bincount(rows.labels, minlength=len(rows.classes))
    present = np.flatnonzero(counts)
    flaws = []
    if len(present) < 2:
        flaws.append(f"every row is labelled {rows.classes[present[0]]}: nothing can be said of the labels")
    flaws += _named("out of range beside the other labels", _out_of_range(rows.classes, counts), rows.classes, counts)
    rare = np.flatnonzero((counts > 0) & (counts < FEWEST_OF_A_CLASS)).tolist()
    flaws += _named(f"too rare to be judged, fewer than {FEWEST_OF_A_CLASS} rows", rare, rows.classes, counts)
    if trusted is not None:
        unknown = sorted(set(present.tolist()) - set(trusted.labels.tolist()))
        flaws += _named("not among the trusted rows", unknown, rows.classes, counts)
    if flaws:
        return Check("labels", Verdict.NOT_CHECKED, "; ".join(flaws))
    return Check(
        "labels", Verdict.PASSED, f"{len(present)} classes, the smallest has {int(counts[present].min())} rows"
    )


def check_values(kind: str, counts: CellCounts) -> Check:
    """Not checked when a number is NaN, infinite or too large: the column's median is judged in its place.

    Nor when lists are of several lengths: no detector but the one for copies sees them.
    """
    flaws = []
    if counts.broken:
        found = f"NaN, infinite or too large: {_columns(counts.broken)} {'rows' if kind == 'image' else 'cells'}"
        flaws.append(f"{found}; the median was judged in their place: mend them, or leave them empty")
    if counts.ragged:
        names = ", ".join(sorted(counts.ragged)[:_MOST_NAMED])
        flaws.append(f"lists of several lengths: {names}; only equal values are recognised in them")
    if flaws:
        return Check("values", Verdict.NOT_CHECKED, "; ".join(flaws))
    if counts.missing:
        stood_in = "an empty text" if kind == "text" else "the column's median, or an empty word,"
        found = f"missing: {_columns(counts.missing)} cells; {stood_in} was judged in their place"
        return Check("values", Verdict.PASSED, found)
    return Check("values", Verdict.PASSED, "every value is there and finite")


def _columns(cells: Mapping[str, int]) -> str:
    named = [f"{name} {count}" for name, count in sorted(cells.items(), key=lambda one: -one[1])]
    more = f" and {len(named) - _MOST_NAMED} columns more" if len(named) > _MOST_NAMED else ""
    return ", ".join(named[:_MOST_NAMED]) + more


def _agree(file: FileRows, trusted: FileRows) -> None:
    if (trusted.columns.kind, set(trusted.columns.inputs)) != (file.columns.kind, set(file.columns.inputs)):
        raise SpecError(
            f"--trusted: expected {file.columns.kind} rows of {', '.join(file.columns.inputs)}, found "
            f"{trusted.columns.kind} rows of {', '.join(trusted.columns.inputs)}; give rows of the same form"
        )


def _refuse_hopeless(rows: ScreenRows, label: str) -> None:
    import numpy as np

    if len(rows) < FEWEST_ROWS:
        raise SpecError(f"expected at least {FEWEST_ROWS} rows, found {len(rows)}: rows are judged by their peers")
    classes = len(np.unique(rows.labels))
    if classes > _MANY_CLASSES * len(rows):
        raise SpecError(
            f"labels {label!r}: expected classes, found {classes} different values in {len(rows)} rows; "
            "name the column of classes by --labels"
        )
    if len(set(rows.row_ids)) < len(rows):
        seen: set[str] = set()
        twice = next(one for one in rows.row_ids if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        raise SpecError(f"row ids: expected each once, found {twice!r} twice; mend the column 'row_id' or leave it out")


def _out_of_range(classes: Sequence[str], counts: "NDArray[np.int64]") -> list[int]:
    """Codes of integer labels that lie below or far above the run 0…n or 1…n in which nearly all rows are."""
    try:
        values = [int(name) for name in classes]
    except ValueError:
        return []
    present = {value: code for code, value in enumerate(values) if counts[code]}
    start = 0 if 0 in present else 1
    run = list(itertools.takewhile(lambda value: value in present, itertools.count(start)))
    within = sum(int(counts[present[value]]) for value in run)
    if len(run) < 2 or within < 0.95 * int(counts.sum()):
        return []
    return [code for value, code in present.items() if value < 0 or value >= start + 2 * len(run)]


def _named(flaw: str, codes: Sequence[int], classes: Sequence[str], counts: "NDArray[np.int64]") -> list[str]:
    if not codes:
        return []
    named = ", ".join(f"{classes[code]} ({int(counts[code])} rows)" for code in codes[:_MOST_NAMED])
    more = f" and {len(codes) - _MOST_NAMED} more" if len(codes) > _MOST_NAMED else ""
    return [f"labels {flaw}: {named}{more}"]


def _notes(file: FileRows, source: UniformRows) -> tuple[str, ...]:
    notes = [f"column {name}: {why}" for name, why in file.columns.left_out.items()]
    notes += [f"file {name}: in no form that is read" for name in file.data.ignored[:_MOST_NAMED]]
    if len(file.data.ignored) > _MOST_NAMED:
        notes.append(f"{len(file.data.ignored) - _MOST_NAMED} further files: in no form that is read")
    return (*notes, *(f"column {name}: only equal values are recognised in it" for name in source.opaque))
