"""The page shows few rows, each beside its evidence, and nothing of theirs can mislead a reader."""

import base64
import zlib

import numpy as np
import pytest

from assay.records import Check, Verdict
from tasks.screening.canaries import Canary
from tasks.screening.case import Case
from tasks.screening.finding import Finding
from tasks.screening.pictures import histogram, thumbnail
from tasks.screening.report import About, render_report
from tasks.screening.rows import ScreenRows
from tasks.screening.screening import DetectorRun, Screening
from tasks.screening.shown_rows import MOST_ROWS, clean, worst_offenders

ROWS = 300


def rows(prefix: str = "") -> ScreenRows:
    features = np.random.default_rng(0).random((ROWS, 12)).astype(np.float32)
    ids = tuple(f"{prefix}{row}" for row in range(ROWS))
    labels = np.arange(ROWS) % 2
    contents = tuple(row.encode() for row in ids)
    return ScreenRows("image", ids, contents, labels, ("a", "b"), features, None, (4, 3))


def screening(detectors: int, nearest: dict[int, tuple[str, ...]] | None = None) -> Screening:
    """Every row a suspect of every detector."""
    every = np.ones(ROWS, dtype=bool)
    score = np.linspace(0, 1, ROWS)
    reasons = dict.fromkeys(range(ROWS), "because")
    found = Finding(score, every, score > 0.9, score, reasons, "a rule", nearest or {})
    runs = tuple(DetectorRun(f"d{one}", found, Canary(8, 1.0, 0.0), 0.1) for one in range(detectors))
    checks = (*(run.check for run in runs), Check("quarantined_share", Verdict.PASSED, "few"))
    return Screening(Case(rows(), rows("trusted ")), runs, score > 0.9, score, checks)


@pytest.mark.parametrize("detectors", [1, 3, 8, 12])
def test_page_never_shows_more_than_sixty_rows(detectors: int) -> None:
    near = dict.fromkeys(range(ROWS), ("0", "1", "2", "3"))
    page = render_report(screening(detectors, near), About("set"))
    assert detectors <= page.count("<img") <= MOST_ROWS


def test_worst_come_first_with_trusted_rows_as_evidence() -> None:
    shown = worst_offenders(screening(1, {ROWS - 1: ("trusted 7", "gone")}), lambda places: {})["d0"]
    assert [one.row.row_id for one in shown[:2]] == ["299", "298"]
    assert [(one.row_id, one.label) for one in shown[0].nearest] == [("trusted 7", "b")]


@pytest.mark.parametrize(
    ("text", "seen"),
    [("a\u202eb\x00\u200bc", "a·b··c"), ("a\ud83d", "a·"), ("x" * 30 + "y" * 10, "x" * 12 + " … " + "yyyyy")],
)
def test_words_are_cut_in_the_middle_and_what_cannot_be_seen_is_shown(text: str, seen: str) -> None:
    assert clean(text, 20) == seen


def test_thumbnail_is_the_image() -> None:
    image = np.array([[0, 1], [2, 4]], np.float32)
    data = base64.b64decode(thumbnail(image.ravel(), (2, 2), 0.0, 4.0).split(",")[1])
    start = data.index(b"IDAT") + 4
    assert data.startswith(b"\x89PNG") and zlib.decompress(data[start:-16]) == bytes([0, 0, 64, 0, 128, 255])


def test_constant_or_empty_scores_still_make_a_plot() -> None:
    assert "rect" not in histogram(np.zeros(0), np.zeros(0, dtype=bool))
    assert "300 rows, 0 quarantined" in histogram(np.zeros(300), np.zeros(300, dtype=bool))
