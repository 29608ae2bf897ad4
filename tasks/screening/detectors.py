"""Every detector there is, and which of them judge which kind of data when the spec does not choose."""

from collections.abc import Mapping, Sequence

from tasks.screening.clean_label_triggers import CleanLabelTriggers
from tasks.screening.duplicates import Duplicates
from tasks.screening.feedback import Feedback
from tasks.screening.finding import Detector
from tasks.screening.image_triggers import ImageTriggers
from tasks.screening.label_issues import LabelIssues
from tasks.screening.near_copies import TOO_ALIKE, can_tell_copies
from tasks.screening.near_duplicates import NearDuplicates
from tasks.screening.outliers import Outliers
from tasks.screening.rows import ScreenRows
from tasks.screening.sources import Sources
from tasks.screening.text_triggers import TextTriggers

DETECTORS: Mapping[str, Detector] = {
    detector.name: detector
    for detector in (
        CleanLabelTriggers(),
        Duplicates(),
        Feedback(),
        ImageTriggers(),
        LabelIssues(),
        NearDuplicates(),
        Outliers(),
        Sources(),
        TextTriggers(),
    )
}
BY_KIND: Mapping[str, Sequence[str]] = {
    "image": (
        "clean_label_triggers",
        "duplicates",
        "feedback",
        "image_triggers",
        "label_issues",
        "near_duplicates",
        "outliers",
    ),
    "tabular": ("duplicates", "feedback", "label_issues", "near_duplicates", "outliers"),
    "text": ("duplicates", "feedback", "label_issues", "outliers", "text_triggers"),
}


def choose_detectors(names: Sequence[str] | None, rows: ScreenRows) -> list[Detector]:
    """Those of `names`, or by default all that fit the rows.

    Sources are judged where the rows name several.
    """
    if names is None:
        left_out = unasked(rows)
        fitting = [name for name in BY_KIND[rows.kind] if name not in left_out]
        names = [*fitting, *(["sources"] if len(rows.source_names) > 1 else [])]
    return [DETECTORS[name] for name in dict.fromkeys(names)]


def unasked(rows: ScreenRows) -> Mapping[str, str]:
    """Detectors for the rows' kind that are not asked by default, as they would be blind, and why."""
    if rows.kind == "text":
        return {"near_duplicates": "sound texts, replies and forms, are often as near as copies; name it to ask it"}
    if rows.kind == "tabular" and not can_tell_copies(rows):
        return {"near_duplicates": TOO_ALIKE}
    return {}
