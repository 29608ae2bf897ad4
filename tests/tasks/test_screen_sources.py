"""`assay screen --source` names the annotator who is wrong far more often than the others, and nobody else."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.tasks.screen_story import digits, document, parquet, screen

ANNOTATORS = np.array(["ann", "bob", "eve"])


def write(path: Path, places: np.ndarray, who: np.ndarray, seed: int, wrong: dict[str, float]) -> Path:
    """Image `places[i]` labelled by annotator `who[i]`; wrong: the share of wrong labels by annotator."""
    generator, (images, labels) = np.random.default_rng(seed), digits(1797)
    given = labels[places]
    bad = generator.random(len(places)) < np.array([wrong[name] for name in ANNOTATORS])[who]
    given[bad] = (given[bad] + generator.integers(1, 10, bad.sum())) % 10
    columns = {"image": images[places].tolist(), "label": given, "annotator": ANNOTATORS[who]}
    return parquet(path, columns)


def accused(out: Path, found: dict[str, object]) -> set[str]:
    """By the document, which must agree with the suspects and the report."""
    named = {str(one["name"]) for one in found["sources"] if one["accused"]}  # type: ignore[attr-defined]
    reasons = pq.read_table(out / "suspects.parquet").to_pylist()
    told = {line["reason"].split(":")[0] for line in reasons if line["detector"] == "sources"}
    assert told == {f"source {name}" for name in named}
    assert (out / "report.html").read_text().count("<td>wrong far more often than its peers</td>") == len(named)
    return named


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_bad_annotator_of_three_is_named_alone(tmp_path: Path, seed: int) -> None:
    who = np.random.default_rng(seed).integers(0, 3, 1797)
    wrong = {"ann": 0.03, "bob": 0.03, "eve": 0.3}
    data = write(tmp_path / "d.parquet", np.arange(1797), who, seed, wrong)
    words = ("--source", "annotator", "--detectors", "label_issues,sources")
    found = document(screen(data, tmp_path / "out", *words), code=3)
    assert found["verdict"] == "failed"
    assert accused(tmp_path / "out", found) == {"eve"}
    assert found["sources"][0] == {"name": "eve", "rows": (who == 2).sum(), "quarantined": (who == 2).sum(),
                                   "accused": True}  # fmt: skip
    assert all(one["quarantined"] <= 0.06 * one["rows"] for one in found["sources"][1:])


def test_all_three_label_every_image_and_the_bad_one_is_named_alone(tmp_path: Path) -> None:
    places, who = np.repeat(np.arange(600), 3), np.tile(np.arange(3), 600)
    data = write(tmp_path / "d.parquet", places, who, 0, {"ann": 0.03, "bob": 0.03, "eve": 0.3})
    words = ("--source", "annotator", "--detectors", "duplicates,label_issues,sources")
    found = document(screen(data, tmp_path / "out", *words), code=3)
    assert accused(tmp_path / "out", found) == {"eve"}


def test_equally_careless_annotators_are_not_accused(tmp_path: Path) -> None:
    who = np.random.default_rng(0).integers(0, 3, 1797)
    data = write(tmp_path / "d.parquet", np.arange(1797), who, 0, dict.fromkeys(ANNOTATORS.tolist(), 0.03))
    words = ("--source", "annotator", "--detectors", "label_issues,sources")
    assert accused(tmp_path / "out", document(screen(data, tmp_path / "out", *words))) == set()
