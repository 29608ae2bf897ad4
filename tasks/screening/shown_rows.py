"""The worst rows as a page shows them: a picture, a snippet of text or cells, each beside its nearest evidence.

Rows are hostile: their words are cut, and characters that are invisible or turn the reading direction are replaced.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.screening.finding import Finding
from tasks.screening.pictures import thumbnail

if TYPE_CHECKING:
    from tasks.screening.rows import ScreenRows
    from tasks.screening.screening import Screening

MOST_ROWS = 60
_MOST_OF_A_DETECTOR = 12
_MOST_NEAREST = 3
_MOST_CELLS = 12
_SNIPPET, _ENDING = 280, 80
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn")

Cells = Callable[[list[int]], Mapping[int, Mapping[str, str]]]


@dataclass(frozen=True)
class ShownRow:
    """One row: `picture` is a data URI; what its kind does not have is empty."""

    row_id: str
    label: str
    picture: str = ""
    text: str = ""
    cells: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Offender:
    """A suspect of one detector. fate: what became of it, in words."""

    row: ShownRow
    score: float
    expected_false_rate: float
    fate: str
    reason: str
    nearest: tuple[ShownRow, ...]


def worst_offenders(screening: "Screening", cells: Cells) -> dict[str, list[Offender]]:
    """By detector, the quarantined first; with their evidence at most MOST_ROWS rows in all.

    cells: the values of the rows at some places of the data; asked once, for tables only.
    """
    worst = _worst(screening)
    nearest = {
        name: {place: _near(screening, name, place, places) for place in places} for name, places in worst.items()
    }
    shown = _Shown(screening, worst, nearest, cells)
    return {
        name: [_offender(screening, name, place, nearest[name][place], shown) for place in places]
        for name, places in worst.items()
    }


def clean(text: str, longest: int = _SNIPPET) -> str:
    """At most `longest` characters, the last ones among them, and `·` for what cannot be seen."""
    ending = min(_ENDING, longest // 4)
    cut = text if len(text) <= longest else f"{text[: longest - ending - 3]} … {text[-ending:]}"
    return "".join("·" if unicodedata.category(one) in _INVISIBLE and one not in "\n\t" else one for one in cut)


def _worst(screening: "Screening") -> dict[str, list[int]]:
    import numpy as np

    accusing = {name: found for name, found in screening.findings.items() if found.suspect.any()}
    worst = {}
    for name, found in accusing.items():
        share = MOST_ROWS // len(accusing)
        most = max(1, min(_MOST_OF_A_DETECTOR, share // 2 if found.nearest else share))
        places = np.flatnonzero(found.suspect)
        ranked = places[np.lexsort((places, -found.score[places], ~found.quarantined[places]))]
        worst[name] = [int(place) for place in ranked[:most]]
    return worst


def _near(screening: "Screening", name: str, place: int, shown: list[int]) -> tuple[str, ...]:
    share = MOST_ROWS // len([found for found in screening.findings.values() if found.suspect.any()])
    most = max(1, min(_MOST_NEAREST, share // len(shown) - 1))
    return tuple(screening.findings[name].nearest.get(place, ())[:most])


def _offender(screening: "Screening", name: str, place: int, nearest: tuple[str, ...], shown: "_Shown") -> Offender:
    found = screening.findings[name]
    return Offender(
        shown.row(place),
        float(found.score[place]),
        float(found.expected_false_rate[place]),
        _fate(screening, found, place),
        clean(found.reasons[place]),
        tuple(row for row in map(shown.evidence, nearest) if row is not None),
    )


def _fate(screening: "Screening", found: Finding, place: int) -> str:
    if screening.released is not None and screening.released[place]:
        return "released by a person"
    return "quarantined" if found.quarantined[place] else "only a suspect"


class _Shown:
    """Rows in the form of their kind. Evidence may be a trusted row too."""

    def __init__(
        self,
        screening: "Screening",
        worst: Mapping[str, list[int]],
        nearest: Mapping[str, Mapping[int, tuple[str, ...]]],
        cells: Cells,
    ) -> None:
        self.rows, self.trusted = screening.case.rows, screening.case.trusted
        ids = {one for by_place in nearest.values() for near in by_place.values() for one in near}
        self.places = _places(self.rows, ids)
        self.trusted_places = _places(self.trusted, ids - set(self.places)) if self.trusted else {}
        wanted = {*self.places.values(), *(place for places in worst.values() for place in places)}
        self.cells = cells(sorted(wanted)) if self.rows.kind == "tabular" and wanted else {}
        self.low, self.high = _range(self.rows)

    def row(self, place: int) -> ShownRow:
        """A row of the data."""
        return self._shown(self.rows, place, self.cells.get(place, {}))

    def evidence(self, row_id: str) -> ShownRow | None:
        """A row that a detector points to, or None when neither the data nor the trusted rows have it."""
        if row_id in self.places:
            return self.row(self.places[row_id])
        if self.trusted is not None and row_id in self.trusted_places:
            return self._shown(self.trusted, self.trusted_places[row_id], {})
        return None

    def _shown(self, rows: "ScreenRows", place: int, cells: Mapping[str, str]) -> ShownRow:
        row_id, label = clean(rows.row_ids[place], 40), clean(rows.classes[rows.labels[place]], 40)
        if rows.texts is not None:
            return ShownRow(row_id, label, text=clean(rows.texts[place]))
        if rows.features is not None and len(rows.shape) in (2, 3):
            return ShownRow(row_id, label, picture=thumbnail(rows.features[place], rows.shape, self.low, self.high))
        more = [("…", f"{len(cells) - _MOST_CELLS} columns more")] if len(cells) > _MOST_CELLS else []
        few = list(cells.items())[:_MOST_CELLS]
        return ShownRow(row_id, label, cells=(*((clean(name, 40), clean(value, 40)) for name, value in few), *more))


def _places(rows: "ScreenRows", ids: set[str]) -> dict[str, int]:
    return {row_id: place for place, row_id in enumerate(rows.row_ids) if row_id in ids} if ids else {}


def _range(rows: "ScreenRows") -> tuple[float, float]:
    if rows.features is None or not rows.shape:
        return 0.0, 1.0
    return float(rows.features.min()), float(rows.features.max())
