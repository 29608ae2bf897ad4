"""Every detector there is, and which of them judge which kind of data when the spec does not choose."""

from collections.abc import Mapping, Sequence

from tasks.screening.duplicates import Duplicates
from tasks.screening.finding import Detector
from tasks.screening.label_issues import LabelIssues
from tasks.screening.outliers import Outliers

DETECTORS: Mapping[str, Detector] = {detector.name: detector for detector in (Duplicates(), LabelIssues(), Outliers())}
BY_KIND: Mapping[str, Sequence[str]] = {
    "image": ("duplicates", "label_issues", "outliers"),
    "tabular": ("duplicates", "label_issues", "outliers"),
    "text": ("duplicates", "label_issues", "outliers"),
}
