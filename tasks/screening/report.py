"""The screen as one self-contained page for people: what was judged and what was not, and the worst rows with why.

The rows are hostile: everything of theirs is escaped, and the page may load nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assay.records import Verdict
from tasks.screening.finding import Finding
from tasks.screening.pictures import histogram
from tasks.screening.shown_rows import Cells, clean, worst_offenders
from tasks.screening.sources import Sources

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows
    from tasks.screening.screening import DetectorRun, Screening

_MOST_SOURCES = 40

IN_WORDS = {
    Verdict.PASSED: "Passed: every detector could judge and found its planted rows; "
    "what is quarantined below stays out, the rest may be trained on.",
    Verdict.FAILED: "Failed: too many rows are bad for the rest to be trusted; nothing of this version should be used.",
    Verdict.NOT_CHECKED: "Not checked: something could not be judged or a detector proved blind. This is no pass.",
}
_HUES = {Verdict.PASSED: "good", Verdict.FAILED: "bad", Verdict.NOT_CHECKED: "unsure"}


@dataclass(frozen=True)
class About:
    """name: of the dataset. notes: what plays no part, in words. options: how it was asked, name -> value.

    seconds: None where equal data must give an equal page. cells: the values of the rows at some places, as they
    stand in the data; used for tables only.
    """

    name: str
    notes: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    cells: Cells = lambda places: {}


@dataclass(frozen=True)
class SourceShare:
    """One source: how many rows it gave, how many of them are quarantined, and whether it is so as a source."""

    name: str
    rows: int
    quarantined: int
    accused: bool = False


def render_report(screening: "Screening", about: About) -> str:
    """HTML. The same screening and `about` give the same page."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8"))
    rows = screening.case.rows
    worst = worst_offenders(screening, about.cells)
    return template.render(
        name=clean(about.name),
        verdict=screening.verdict.value,
        words=IN_WORDS[screening.verdict],
        hue=_HUES[screening.verdict],
        rows=len(rows),
        kind=rows.kind,
        classes=_classes(rows),
        quarantined=int(screening.quarantined.sum()),
        options=about.options,
        seconds=about.seconds,
        gaps=_gaps(screening, about),
        checks=_checks(screening),
        detectors=[_detector(run) for run in screening.runs],
        histograms=[(name, histogram(found.score, found.quarantined)) for name, found in screening.findings.items()],
        offenders=[(name, int(screening.findings[name].suspect.sum()), shown) for name, shown in worst.items()],
        sources=[
            (clean(one.name, 60), one.rows, one.quarantined, f"{one.quarantined / max(one.rows, 1):.1%}", one.accused)
            for one in sources(screening)[:_MOST_SOURCES]
        ],
    )


def _classes(rows: "ScreenRows") -> str:
    names = [clean(name, 30) for name in rows.classes[:10]]
    return f"{len(rows.classes)}: {', '.join(names)}{', …' if len(rows.classes) > len(names) else ''}"


def _gaps(screening: "Screening", about: About) -> list[str]:
    """What a reader must not take for checked."""
    unjudged = [f"{one.name}: {one.detail}" for one in screening.checks if one.verdict is Verdict.NOT_CHECKED]
    notes = [f"{note}" for note in about.notes]
    if screening.case.trusted is None:
        notes.append("no trusted rows were given: what all rows share, good or bad, counts as normal")
    return [clean(line, 600) for line in (*unjudged, *notes)]


def _checks(screening: "Screening") -> list[tuple[str, str, str, str]]:
    """Those that no detector made; the detectors have a table of their own."""
    made = {run.name for run in screening.runs}
    others = [one for one in screening.checks if one.name not in made]
    return [(one.name, one.verdict.value, _HUES[one.verdict], clean(one.detail, 600)) for one in others]


def _detector(run: "DetectorRun") -> dict[str, str]:
    found = run.found if isinstance(run.found, Finding) else None
    return {
        "name": run.name,
        "verdict": run.check.verdict.value,
        "hue": _HUES[run.check.verdict],
        "suspects": str(int(found.suspect.sum())) if found else "–",
        "quarantined": str(int(found.quarantined.sum())) if found else "–",
        "canaries": f"{run.canary.recall:.0%} of {run.canary.planted}" if run.canary.planted else "none planted",
        "rule": clean(found.rule if found else run.found.reason, 400),  # type: ignore[union-attr]
    }


def sources(screening: "Screening") -> list[SourceShare]:
    """Where rows came from and how many of each are quarantined, accused sources and the worst shares first."""
    import numpy as np

    rows = screening.case.rows
    if rows.sources is None:
        return []
    every = np.bincount(rows.sources, minlength=len(rows.source_names))
    out: NDArray[np.int64] = np.bincount(rows.sources[screening.quarantined], minlength=len(rows.source_names))
    judged = screening.findings.get(Sources.name)
    accused = np.zeros(len(every), dtype=bool)
    if judged is not None:
        accused[rows.sources[judged.suspect]] = True
    order = np.lexsort((-out / np.maximum(every, 1), ~accused)).tolist()
    return [SourceShare(rows.source_names[one], int(every[one]), int(out[one]), bool(accused[one])) for one in order]
