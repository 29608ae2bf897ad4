"""Floods of near copies are found at any size, in images, tables and texts; sound data lose next to nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from tasks.screening.canaries import LEAST_RECALL, run_canaries
from tasks.screening.case import Case
from tasks.screening.detectors import choose_detectors
from tasks.screening.finding import Finding, NotJudged
from tasks.screening.near_copies import copy_images, copy_points, copy_text
from tasks.screening.near_duplicates import NearDuplicates
from tasks.screening.near_index import EXACT_ROWS, build_index, search
from tasks.screening.near_law import closeness_p
from tasks.screening.near_texts import TextLooks
from tasks.screening.rows import ScreenRows

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


def rows_of(kind: str, values: np.ndarray, labels: np.ndarray, shape: tuple[int, ...] = ()) -> ScreenRows:
    ids = tuple(f"row-{place}" for place in range(len(labels)))
    contents = tuple(one.tobytes() for one in values)
    classes = tuple(map(str, range(int(labels.max()) + 1)))
    features = values.reshape(len(values), -1).astype(np.float32)
    return ScreenRows(kind, ids, contents, labels.astype(np.int64), classes, features, None, shape=shape)


def digits() -> ScreenRows:
    data = load_digits()
    return rows_of("image", data.images, data.target, (8, 8))


def table() -> ScreenRows:
    data = load_breast_cancer()
    return rows_of("tabular", data.data, data.target)


def texts(count: int = 600) -> ScreenRows:
    generator = np.random.default_rng(0)
    words = ["".join(generator.choice(list("abcdefghijklmnop"), generator.integers(3, 9))) for _ in range(3_000)]
    labels = generator.integers(0, 2, count)
    written = tuple(" ".join(generator.choice(words[1_000 * one : 1_000 * one + 2_000], 60)) for one in labels.tolist())
    ids = tuple(f"row-{place}" for place in range(count))
    return ScreenRows("text", ids, tuple(one.encode() for one in ids), labels, ("0", "1"), None, written)


def flooded(rows: ScreenRows, count: int, seeds: int, label: int | None = None) -> tuple[ScreenRows, Mask]:
    """With `count` near copies of `seeds` rows behind the others; which they are."""
    generator = np.random.default_rng(1)
    donors = generator.choice(len(rows), seeds, replace=False)[np.arange(count) % seeds]
    grown, places = rows.take(np.concatenate([np.arange(len(rows)), donors])), len(rows) + np.arange(count)
    labels = rows.labels[donors] if label is None else np.full(count, label)
    if rows.texts is not None:
        copies = [copy_text(rows.texts[donor], generator) for donor in donors.tolist()]
        grown = grown.with_inputs(places, texts=copies, labels=labels)
    elif rows.features is not None and rows.kind == "image":
        grown = grown.with_inputs(places, copy_images(rows.features[donors], rows.shape, generator), labels=labels)
    else:
        grown = grown.with_inputs(places, copy_points(rows, donors, generator), labels=labels)
    ids = tuple(f"row-{place}" for place in range(len(grown)))
    return replace(grown, row_ids=ids), np.arange(len(grown)) >= len(rows)


def found(rows: ScreenRows) -> Finding:
    finding = NearDuplicates().judge(Case(rows))
    assert isinstance(finding, Finding)
    return finding


@pytest.mark.parametrize("make", [digits, table, texts])
def test_sound_rows_are_not_kept_out(make: Callable[[], ScreenRows]) -> None:
    finding = found(make())
    assert finding.quarantined.mean() <= 0.0025
    assert finding.suspect.mean() <= 0.01


@pytest.mark.parametrize("make", [digits, table, texts])
@pytest.mark.parametrize("seeds", [1, 5])
def test_a_flood_is_kept_out_and_the_rows_it_was_made_from_stay(make: Callable[[], ScreenRows], seeds: int) -> None:
    rows, bad = flooded(make(), 20, seeds)
    finding = found(rows)
    assert finding.quarantined[bad].mean() >= 0.9
    assert finding.quarantined[~bad].mean() <= 0.005


def test_single_near_copies_are_suspects_whose_original_is_named() -> None:
    rows, bad = flooded(texts(), 6, 6)
    finding = found(rows)
    assert finding.suspect[bad].all()
    for place in np.flatnonzero(bad).tolist():
        assert "near copy of row row-" in finding.reasons[place]
        assert finding.nearest[place][0] in finding.reasons[place]
    assert not finding.suspect[~bad].any()


def test_of_a_flood_under_a_wrong_label_no_copy_stays_and_the_original_does() -> None:
    rows = digits()
    label = 3
    rows, bad = flooded(rows, 30, 3, label)
    finding = found(rows)
    originals = np.random.default_rng(1).choice(np.count_nonzero(~bad), 3, replace=False)
    others = originals[rows.labels[originals] != label]
    assert finding.quarantined[bad].mean() >= 0.9
    assert not finding.quarantined[others].any()
    reasons = [finding.reasons[place] for place in np.flatnonzero(finding.quarantined & bad).tolist()]
    assert all("near copies" in reason for reason in reasons)


def test_exact_copies_are_left_to_their_own_detector() -> None:
    rows = digits()
    doubled = rows.take(np.concatenate([np.arange(len(rows)), np.arange(100)]))
    assert found(doubled).quarantined.sum() == found(rows).quarantined.sum()


def test_a_picture_moved_by_a_pixel_or_dimmed_is_a_near_copy() -> None:
    generator = np.random.default_rng(0)
    noise = np.fft.rfft2(generator.normal(size=(300, 24, 24)))
    waves = np.hypot(np.fft.fftfreq(24)[:, None], np.fft.rfftfreq(24)[None])
    pictures = np.fft.irfft2(noise / (0.05 + waves) ** 2, s=(24, 24))
    moved, dimmed = np.roll(pictures[:5], 1, axis=2), 0.7 * pictures[5:10] + 3
    rows = rows_of("image", np.concatenate([pictures, moved, dimmed]), np.arange(310) % 2, (24, 24))
    assert found(rows).suspect[300:].all()


def test_texts_are_as_similar_as_their_sets_of_runs() -> None:
    left = "the quick brown fox jumps over the lazy dog " * 3 + "and " + " ".join(map(str, range(400)))
    right = left.replace("quick", "slow").replace(" 17 ", " seventeen ").upper()

    def runs(text: str) -> set[str]:
        plain = " ".join(text.casefold().split())
        return {plain[start : start + 5] for start in range(len(plain) - 4)}

    exact = len(runs(left) & runs(right)) / len(runs(left) | runs(right))
    distance = TextLooks([left, right]).distances(np.array([0]), np.array([[1]]))[0, 0]
    assert abs(1 - distance - exact) < 0.06


def test_p_is_how_often_sound_rows_are_so_close_even_among_copies() -> None:
    closeness = np.random.default_rng(0).exponential(0.7, 20_000)
    copies = np.full(1_000, 9.0)
    p = closeness_p(np.concatenate([closeness, copies]))
    for level in (0.05, 0.01, 0.001):
        assert 0.2 * level <= np.mean(p[:20_000] <= level) <= 2 * level
    assert p[20_000:].max() < 1e-4


def test_the_index_of_many_rows_finds_near_rows_as_all_pairs_do() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(EXACT_ROWS + 2_000, 20)).astype(np.float32)
    vectors[-500:] = vectors[:500] + 0.01 * generator.normal(size=(500, 20)).astype(np.float32)
    nearest = search(build_index(vectors), vectors[-500:], 2)
    assert (nearest == np.arange(500)[:, None]).any(axis=1).mean() > 0.98


def test_the_same_rows_give_the_same_answer() -> None:
    rows, _ = flooded(table(), 10, 2)
    first, second = found(rows), found(rows)
    assert (first.score == second.score).all() and first.reasons == second.reasons


@pytest.mark.parametrize("make", [digits, table, texts])
@pytest.mark.parametrize("seed", [0, 1])
def test_canaries_are_found(make: Callable[[], ScreenRows], seed: int) -> None:
    canary = run_canaries(Case(make(), seed=seed), [NearDuplicates()])["near_duplicates"]
    assert not canary.flaw and canary.recall >= LEAST_RECALL


def test_few_rows_are_not_judged_and_tables_of_few_values_not_asked() -> None:
    assert isinstance(NearDuplicates().judge(Case(table().take(np.arange(40)))), NotJudged)
    few = rows_of("tabular", np.random.default_rng(0).integers(0, 3, (500, 4)).astype(float), np.arange(500) % 2)
    assert "near_duplicates" not in [detector.name for detector in choose_detectors(None, few)]
    assert "near_duplicates" in [detector.name for detector in choose_detectors(None, table())]
