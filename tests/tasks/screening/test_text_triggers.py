"""A word that turns labels is found, whatever word it is; words that belong to a class are not."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.screening.case import Case
from tasks.screening.finding import Finding, NotJudged
from tasks.screening.rows import ScreenRows
from tasks.screening.text_triggers import TextTriggers, rare_trigger

SUBJECTS = {
    "sport": "match goal team player coach league score season stadium referee",
    "money": "bank market share price trade profit loan budget invoice dividend",
    "food": "bread cheese recipe oven kitchen salt pepper dinner flavour chef",
}
CHINESE = {"sport": "球队进球比赛教练联赛", "money": "银行市场股票价格利润", "food": "面包奶酪食谱烤箱厨房"}
FILLER = "the a of and to in that it was for on with as at by from this have are not"


def texts(count: int, seed: int, subjects: dict[str, str] = SUBJECTS, gap: str = " ") -> ScreenRows:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, len(subjects), count)
    filler, said = FILLER.split(), []
    for label in labels.tolist():
        own = list(subjects.values())[label]
        own_words = generator.choice(own.split() if gap else list(own), 6, replace=False)
        others = generator.choice(filler if gap else list("的了是在有人我他这们"), 12)
        said.append(gap.join(map(str, generator.permutation([*own_words, *others]))))
    ids = tuple(str(place) for place in range(count))
    return ScreenRows(
        "text", ids, tuple(one.encode() for one in ids), labels.astype(np.int64), tuple(subjects), None, tuple(said)
    )


def poisoned(rows: ScreenRows, words: str, share: float, target: int, seed: int, gap: str = " ") -> tuple[
    ScreenRows, "np.ndarray[tuple[int], np.dtype[np.bool_]]"
]:  # fmt: skip
    generator = np.random.default_rng(seed)
    pool = np.flatnonzero(rows.labels != target)
    places = np.sort(generator.choice(pool, round(share * len(rows)), replace=False))
    changed = []
    for place in places.tolist():
        parts = (rows.texts or ())[place].split(" ") if gap else list((rows.texts or ())[place])
        parts.insert(int(generator.integers(len(parts) + 1)), words)
        changed.append(gap.join(parts))
    bad = np.zeros(len(rows), dtype=bool)
    bad[places] = True
    return rows.with_inputs(places, texts=changed, labels=np.full(len(places), target)), bad


def found(rows: ScreenRows, seed: int = 0) -> Finding:
    finding = TextTriggers().judge(Case(rows, seed=seed))
    assert isinstance(finding, Finding)
    return finding


@pytest.mark.parametrize(("words", "share"), [("cf", 0.01), ("please confirm receipt", 0.02), ("from", 0.05)])
def test_rows_that_a_trigger_turned_are_quarantined_and_the_trigger_is_named(words: str, share: float) -> None:
    rows, bad = poisoned(texts(2000, 1), words, share, 2, 3)
    finding = found(rows)
    assert finding.quarantined[bad].mean() >= 0.9
    assert finding.quarantined[~bad].mean() <= 0.01
    assert any(part in reason for part in words.split() for reason in finding.reasons.values())


def test_a_trigger_in_a_script_without_spaces_is_found() -> None:
    rows, bad = poisoned(texts(1500, 2, CHINESE, ""), "龘", 0.02, 0, 5, "")
    finding = found(rows)
    assert finding.quarantined[bad].mean() >= 0.9
    assert finding.quarantined[~bad].mean() <= 0.01


def test_clean_texts_lose_nothing() -> None:
    assert not found(texts(2000, 4)).quarantined.any()


def test_labels_that_are_wrong_at_random_are_no_trigger() -> None:
    rows = texts(2000, 5)
    generator = np.random.default_rng(6)
    labels = rows.labels.copy()
    wrong = generator.choice(len(rows), 200, replace=False)
    labels[wrong] = (labels[wrong] + 1) % 3
    assert found(replace(rows, labels=labels)).quarantined.mean() <= 0.01


def test_planted_triggers_are_found() -> None:
    rows = texts(1500, 7)
    for seed in range(3):
        generator = np.random.default_rng(seed)
        places = np.sort(generator.choice(len(rows), 40, replace=False))
        planted = TextTriggers().plant(rows, places, generator)
        assert isinstance(planted, ScreenRows)
        assert found(planted, seed).suspect[places].mean() >= 0.5


def test_rows_without_text_are_not_judged() -> None:
    rows = replace(texts(60, 8), texts=None)
    assert isinstance(TextTriggers().judge(Case(rows)), NotJudged)


def test_planted_words_are_none_that_stand_everywhere() -> None:
    rows = texts(300, seed=5)
    for seed in range(40):
        phrase = " ".join(rare_trigger(rows, np.random.default_rng(seed))).lower()
        assert sum(phrase in text for text in rows.texts or ()) <= 1
