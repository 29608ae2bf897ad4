"""The screen as one self-contained page for people: what was judged and what was not, and the worst rows with why.

The rows are hostile: everything of theirs is escaped, cut and stripped of control characters, and the page may
load nothing.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assay.records import Verdict
from tasks.screening.finding import Finding
from tasks.screening.pictures import histogram, thumbnail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows
    from tasks.screening.screening import DetectorRun, Screening

MOST_ROWS = 48
_MOST_OF_A_DETECTOR = 12
_MOST_NEAREST = 3
_MOST_SOURCES = 40
_MOST_CELLS = 12
_SNIPPET = 280

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
    cells: Callable[[list[int]], Mapping[int, Mapping[str, str]]] = lambda places: {}


@dataclass(frozen=True)
class SourceShare:
    """One source: how many rows it gave, and how many of them are quarantined."""

    name: str
    rows: int
    quarantined: int


@dataclass(frozen=True)
class _Shown:
    """One row as the page shows it: a picture, a snippet of text, or cells."""

    row_id: str
    label: str
    picture: str = ""
    text: str = ""
    cells: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Offender:
    row: _Shown
    score: float
    expected_false_rate: float
    fate: str
    reason: str
    nearest: tuple[_Shown, ...]


def render_report(screening: "Screening", about: About) -> str:
    """HTML. The same screening and `about` give the same page."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8"))
    rows = screening.case.rows
    worst = _worst(screening)
    shown = _Shower(screening, about, worst)
    return template.render(
        name=_clean(about.name),
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
        offenders=[(name, int(screening.findings[name].suspect.sum()), shown.offenders(name)) for name in worst],
        sources=[
            (_clean(one.name, 60), one.rows, one.quarantined, f"{one.quarantined / max(one.rows, 1):.1%}")
            for one in sources(screening)[:_MOST_SOURCES]
        ],
    )


def _worst(screening: "Screening") -> dict[str, list[int]]:
    """Places of each detector's worst suspects, so few that the page stays readable."""
    import numpy as np

    accusing = {name: found for name, found in screening.findings.items() if found.suspect.any()}
    each = min(_MOST_OF_A_DETECTOR, MOST_ROWS // max(len(accusing), 1))
    worst = {}
    for name, found in accusing.items():
        places = np.flatnonzero(found.suspect)
        ranked = places[np.lexsort((places, -found.score[places], ~found.quarantined[places]))]
        worst[name] = ranked[:each].tolist()
    return worst


class _Shower:
    """Rows in the form of their kind; the cells of a table are asked for once."""

    def __init__(self, screening: "Screening", about: About, worst: Mapping[str, list[int]]) -> None:
        self.screening, self.rows, self.worst = screening, screening.case.rows, worst
        nearest = {one for name, places in worst.items() for place in places for one in self._near_ids(name, place)}
        self.places = {row_id: place for place, row_id in enumerate(self.rows.row_ids) if row_id in nearest}
        wanted = {*self.places.values(), *(place for places in worst.values() for place in places)}
        self.cells = about.cells(sorted(wanted)) if self.rows.kind == "tabular" and wanted else {}
        self.low, self.high = _range(self.rows)

    def offenders(self, name: str) -> list[_Offender]:
        """The worst of one detector."""
        return [self._offender(self.screening.findings[name], name, place) for place in self.worst[name]]

    def _offender(self, found: Finding, name: str, place: int) -> _Offender:
        near = [self.places[one] for one in self._near_ids(name, place) if one in self.places]
        return _Offender(
            self._shown(place),
            float(found.score[place]),
            float(found.expected_false_rate[place]),
            self._fate(found, place),
            _clean(found.reasons[place]),
            tuple(self._shown(one) for one in near),
        )

    def _fate(self, found: Finding, place: int) -> str:
        if self.screening.released is not None and self.screening.released[place]:
            return "released by a person"
        return "quarantined" if found.quarantined[place] else "only a suspect"

    def _near_ids(self, name: str, place: int) -> tuple[str, ...]:
        return self.screening.findings[name].nearest.get(place, ())[:_MOST_NEAREST]

    def _shown(self, place: int) -> _Shown:
        rows = self.rows
        row_id, label = _clean(rows.row_ids[place], 40), _clean(rows.classes[rows.labels[place]], 40)
        if rows.texts is not None:
            return _Shown(row_id, label, text=_clean(rows.texts[place]))
        if rows.features is not None and len(rows.shape) in (2, 3):
            return _Shown(row_id, label, picture=thumbnail(rows.features[place], rows.shape, self.low, self.high))
        cells = list(self.cells.get(place, {}).items())
        more = [("…", f"{len(cells) - _MOST_CELLS} columns more")] if len(cells) > _MOST_CELLS else []
        shown = [(_clean(name, 40), _clean(value, 40)) for name, value in cells[:_MOST_CELLS]]
        return _Shown(row_id, label, cells=(*shown, *more))


def _range(rows: "ScreenRows") -> tuple[float, float]:
    if rows.features is None or not rows.shape:
        return 0.0, 1.0
    return float(rows.features.min()), float(rows.features.max())


def _classes(rows: "ScreenRows") -> str:
    names = [_clean(name, 30) for name in rows.classes[:10]]
    return f"{len(rows.classes)}: {', '.join(names)}{', …' if len(rows.classes) > len(names) else ''}"


def _gaps(screening: "Screening", about: About) -> list[str]:
    """What a reader must not take for checked."""
    unjudged = [f"{one.name}: {one.detail}" for one in screening.checks if one.verdict is Verdict.NOT_CHECKED]
    notes = [f"{note}" for note in about.notes]
    if screening.case.trusted is None:
        notes.append("no trusted rows were given: what all rows share, good or bad, counts as normal")
    return [_clean(line, 600) for line in (*unjudged, *notes)]


def _checks(screening: "Screening") -> list[tuple[str, str, str, str]]:
    """Those that no detector made; the detectors have a table of their own."""
    made = {run.name for run in screening.runs}
    others = [one for one in screening.checks if one.name not in made]
    return [(one.name, one.verdict.value, _HUES[one.verdict], _clean(one.detail, 600)) for one in others]


def _detector(run: "DetectorRun") -> dict[str, str]:
    found = run.found if isinstance(run.found, Finding) else None
    return {
        "name": run.name,
        "verdict": run.check.verdict.value,
        "hue": _HUES[run.check.verdict],
        "suspects": str(int(found.suspect.sum())) if found else "–",
        "quarantined": str(int(found.quarantined.sum())) if found else "–",
        "canaries": f"{run.canary.recall:.0%} of {run.canary.planted}" if run.canary.planted else "none planted",
        "rule": _clean(found.rule if found else run.found.reason, 400),  # type: ignore[union-attr]
    }


def sources(screening: "Screening") -> list[SourceShare]:
    """Where rows came from and how many of each are quarantined, the worst share first."""
    import numpy as np

    rows = screening.case.rows
    if rows.sources is None:
        return []
    every = np.bincount(rows.sources, minlength=len(rows.source_names))
    out: NDArray[np.int64] = np.bincount(rows.sources[screening.quarantined], minlength=len(rows.source_names))
    order = np.argsort(-out / np.maximum(every, 1), kind="stable").tolist()
    return [SourceShare(rows.source_names[one], int(every[one]), int(out[one])) for one in order]


def _clean(text: str, longest: int = _SNIPPET) -> str:
    """Cut, and what cannot be seen or turns the reading direction shown as `·`."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(_seen(cut))


def _seen(text: str) -> Iterable[str]:
    for character in text:
        invisible = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") and character not in "\n\t"
        yield "·" if invisible else character
