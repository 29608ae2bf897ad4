"""A source that is wrong far more often than its peers is named, an honest one is not."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tasks.screening.case import Case
from tasks.screening.finding import Finding, NotJudged
from tasks.screening.rows import ScreenRows
from tasks.screening.sources import Sources, judge_sources


def digits(sources: np.ndarray | None, names: tuple[str, ...] = (), labels: np.ndarray | None = None) -> ScreenRows:
    data = load_digits()
    return ScreenRows(
        kind="image",
        row_ids=tuple(str(index) for index in range(len(data.target))),
        contents=tuple(str(index).encode() for index in range(len(data.target))),
        labels=(data.target if labels is None else labels).astype(np.int64),
        classes=tuple("0123456789"),
        features=data.data.astype(np.float32),
        texts=None,
        shape=(8, 8),
        sources=sources,
        source_names=names,
    )


def wronged(places: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    labels = load_digits().target.copy()
    wrong = generator.choice(places, round(share * len(places)), replace=False)
    labels[wrong] = (labels[wrong] + generator.integers(1, 10, len(wrong))) % 10
    return labels


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_annotator_who_is_wrong_three_times_in_ten_is_named_alone(seed: int) -> None:
    generator = np.random.default_rng(seed)
    sources = generator.integers(0, 3, 1797)
    rows = digits(sources, ("ann", "bob", "eve"), wronged(np.flatnonzero(sources == 2), 0.3, generator))
    found = Sources().judge(Case(rows, seed=seed))
    assert isinstance(found, Finding)
    assert np.array_equal(found.quarantined, sources == 2)
    assert all("source eve" in reason for reason in found.reasons.values())


def test_honest_annotators_are_not_accused() -> None:
    sources = np.random.default_rng(0).integers(0, 3, 1797)
    found = Sources().judge(Case(digits(sources, ("ann", "bob", "cy"))))
    assert isinstance(found, Finding)
    assert not found.suspect.any()


def test_who_labels_the_hard_classes_is_not_accused_for_it() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 3000)
    predicted = np.where((labels == 1) & (generator.random(3000) < 0.4), 0, labels)
    predicted = np.where((labels == 0) & (generator.random(3000) < 0.4), 1, predicted)  # hard for everybody
    easy = np.arange(3000) % 3 == 0
    labels[easy], predicted[easy] = 2, 2
    sources = np.where(easy, generator.integers(0, 2, 3000), generator.choice([0, 1, 2], 3000, p=[0.1, 0.1, 0.8]))
    rows = ScreenRows(
        "tabular", tuple(map(str, range(3000))), tuple(str(i).encode() for i in range(3000)), labels, ("a", "b", "c"),
        np.zeros((3000, 1), np.float32), None, sources=sources, source_names=("x", "y", "z"),
    )  # fmt: skip
    assert not any(record.is_accused for record in judge_sources(rows, predicted))


def test_rows_without_sources_are_not_judged() -> None:
    assert isinstance(Sources().judge(Case(digits(None))), NotJudged)
