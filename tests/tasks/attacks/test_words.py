"""Attacks on texts find what is known to be there, and the law lets nothing through that people read otherwise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.records import Verdict
from assay.spec import WordThreat
from tasks.attacks.asking import Asking, Search, UnusableAnswer, run_searches, texts
from tasks.attacks.words.canaries import sees
from tasks.attacks.words.good_words import learn_good_words
from tasks.attacks.words.importance import leave_out
from tasks.attacks.words.law import edits_between, is_typo, may_insert, may_rewrite, within
from tasks.attacks.words.look_alikes import HIDDEN
from tasks.attacks.words.rewrites import rewrites
from tasks.attacks.words.searches import InsertGoodWords, RewriteWords
from tasks.attacks.words.suite import WordsResult, attack_words, makers
from tasks.attacks.words.wording import Edit, Wording

THREAT = WordThreat(norm="words", epsilon=0.2, queries=200)
FILLERS = ["about", "there", "which", "would", "other", "after", "first", "could", "these", "where"]


def said(score: np.ndarray) -> np.ndarray:
    odds = 1 / (1 + np.exp(-score))
    return np.stack([1 - odds, odds], axis=1)


def by_bad_words(asked: np.ndarray) -> np.ndarray:
    """Class 1 while a `lottery` is left; `meeting` says nothing."""
    return said(np.array([text.split().count("lottery") for text in asked]) - 0.5)


def by_both(asked: np.ndarray) -> np.ndarray:
    """Class 1 when a text has more `lottery` than `meeting`."""
    return said(np.array([text.split().count("lottery") - text.split().count("meeting") for text in asked]) - 0.5)


def by_length(asked: np.ndarray) -> np.ndarray:
    """Class 1, whatever the words are."""
    return said(np.full(len(asked), 2.0))


def mails(bad: Sequence[int], words: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """One mail for each number of bad words, and as many mails of class 0 about a meeting."""
    generator = np.random.default_rng(0)

    def mail(telling: list[str]) -> str:
        filled = [str(word) for word in generator.choice(FILLERS, words - len(telling))]
        for word in telling:
            filled.insert(int(generator.integers(len(filled) + 1)), word)
        return " ".join(filled)

    made = [mail(["lottery"] * count) for count in bad] + [mail(["meeting"]) for _ in bad]
    return texts(made), np.repeat([1, 0], len(bad))


def attack(predict: Any, threat: WordThreat = THREAT, bad: Sequence[int] = (1, 2, 3, 4, 5, 6, 8)) -> WordsResult:
    return attack_words(predict, *mails(bad), threat)


def test_rows_fall_that_have_no_more_telling_words_than_may_be_edited_and_no_others() -> None:
    found = attack(by_bad_words, THREAT.model_copy(update={"moves": ["typo", "delete"]})).found
    assert found.robust[:7].tolist() == [False] * 4 + [True] * 3
    assert {place: moved.changes for place, moved in found.moved.items() if place < 7} == {0: 1, 1: 2, 2: 3, 3: 4}
    assert found.accuracy_at(0.2) == found.robust_accuracy < found.accuracy_at(0.1) < found.accuracy_at(0.0)


def test_good_words_are_learned_by_asking_and_outweigh_bad_ones() -> None:
    rows, labels = mails((1, 2, 3, 4, 5, 6, 8))
    good_words, asked = learn_good_words(by_both, rows, labels)
    assert good_words[1][0] == "meeting" and good_words[0][0] == "lottery" and asked > len(rows)
    found = attack(by_both, THREAT.model_copy(update={"moves": ["insert"]})).found
    assert found.robust[:7].tolist() == [False] * 4 + [True] * 3
    assert found.adversarial[3].split().count("meeting") == 4


def test_every_move_together_fells_what_no_single_kind_does() -> None:
    """Six bad words, four edits: each rewriting takes one away, each addition outweighs one; neither helps alone."""

    def by_ratio(asked: np.ndarray) -> np.ndarray:
        bad = np.array([text.split().count("lottery") for text in asked])
        good = np.array([text.split().count("meeting") for text in asked])
        return said(np.maximum(bad - 4, 0.0) + np.maximum(3 - good, 0.0) - 0.5)

    threat = THREAT.model_copy(update={"epsilon": 0.25, "queries": 400})
    rows, labels = mails([6])
    corpus = texts([*rows, *["meeting meeting meeting about the lottery"] * 3]), np.array([1, 0, 0, 0, 0])
    found = attack_words(by_ratio, rows[:1], labels[:1], threat, corpus=corpus).found
    assert [one.fell for one in found.outcomes] == [0, 0, 1]
    assert found.moved[0].changes == 5


def test_attacks_are_repeatable_keep_to_their_questions_and_pass_their_canaries() -> None:
    first, second = attack(by_both), attack(by_both)
    assert first.found.adversarial.tolist() == second.found.adversarial.tolist()
    assert first.found.queries.tolist() == second.found.queries.tolist()
    assert first.found.queries.max() <= THREAT.queries
    assert {check.verdict for check in first.checks} == {Verdict.PASSED}
    assert len(first.checks) == 4 and not any(one.outside for one in first.found.outcomes)


def test_a_model_that_no_word_moves_is_not_called_robust() -> None:
    made = attack(by_length)
    assert made.found.robust[:7].all()
    verdicts = {check.name: check.verdict for check in made.checks}
    assert verdicts["unbounded attack wins"] is Verdict.NOT_CHECKED


@pytest.mark.parametrize("epsilon", [0.02, 0.2, 1.0])
@pytest.mark.parametrize("moves", [["typo"], ["homoglyph"], ["delete"], ["insert"], ["typo", "insert"]])
def test_canaries_find_no_fault_with_any_moves(moves: list[str], epsilon: float) -> None:
    threat = WordThreat(norm="words", epsilon=epsilon, moves=moves)  # type: ignore[arg-type]
    assert [sees(make, threat) for make in makers(threat)] == [""] * len(makers(threat))


def test_a_blind_attack_and_one_that_rewrites_all_are_caught_by_the_canaries() -> None:
    class Blind:
        name = "blind"

        def search(self, row: Any, asking: Asking, generator: np.random.Generator) -> Search[Any]:
            yield from asking.margins(texts([row]))

    class Unbound:
        name = "unbound"

        def search(self, row: Any, asking: Asking, generator: np.random.Generator) -> Search[Any]:
            yield from asking.margins(texts([row]))
            return "nothing of it"

    assert "broke 0%" in sees(lambda _: Blind(), THREAT)
    assert "beyond its threat model" in sees(lambda _: Unbound(), THREAT)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (lambda asked: np.full((len(asked), 2), np.nan), "are no probabilities, such as \\[nan"),
        (lambda asked: np.full((len(asked), 2), -1.0), "are no probabilities"),
        (lambda asked: np.ones(len(asked)), "found the shape"),
        (lambda asked: np.ones((1, 2)), "expected an answer to each of"),
    ],
)
def test_answers_that_are_no_probabilities_are_refused(answers: Any, why: str) -> None:
    with pytest.raises(UnusableAnswer, match=why):
        attack(answers)


def test_the_one_word_of_a_long_text_is_found_with_few_questions() -> None:
    wording = Wording.of(" ".join(["filler"] * 1777 + ["lottery"] + ["filler"] * 1222))
    asking = Asking(1, 90)
    (falls,) = run_searches([leave_out(wording, asking, 0.5, 90)], by_bad_words)
    assert int(falls.argmax()) == 1777 and falls[1777] == pytest.approx(1.0)
    assert asking.asked <= 90


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab \n\t", max_size=30))
def test_a_text_without_edits_is_itself(text: str) -> None:
    assert Wording.of(text).edited(()) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["free", "money", "x", "Offer!", "<b>win</b>"]), min_size=1, max_size=12), st.data())
def test_what_edits_make_is_within_the_law_at_no_more_than_their_number(words: list[str], data: st.DataObject) -> None:
    free = THREAT.model_copy(update={"epsilon": 1.0})
    places = data.draw(st.sets(st.integers(0, len(words) - 1), max_size=len(words) - 1))
    edits = []
    for place in sorted(places):
        choices = [Edit(place, form) for form in rewrites(free, words[place])]
        edits.append(data.draw(st.sampled_from([*choices, Edit(place, ""), Edit(place, "good", is_new=True)])))
    moved = within(free, " ".join(words), Wording.of(" ".join(words)).edited(edits))
    assert moved is not None and moved.changes <= len(edits)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["free", "fere", "fre", "x"]), max_size=7),
    st.lists(st.sampled_from(["free", "fere", "fre", "x"]), max_size=7),
    st.sampled_from([["typo"], ["delete"], ["insert"], ["typo", "delete"], ["typo", "delete", "insert"]]),
)
def test_the_fewest_edits_are_those_of_the_plain_table(old: list[str], new: list[str], moves: list[str]) -> None:
    threat = WordThreat(norm="words", moves=moves)  # type: ignore[arg-type]
    table = np.full((len(old) + 1, len(new) + 1), np.inf)
    table[0, 0] = 0
    for i in range(len(old) + 1):
        for j in range(len(new) + 1):
            if i and "delete" in moves:
                table[i, j] = min(table[i, j], table[i - 1, j] + 1)
            if j and "insert" in moves and may_insert(new[j - 1]):
                table[i, j] = min(table[i, j], table[i, j - 1] + 1)
            if i and j and (old[i - 1] == new[j - 1] or may_rewrite(threat, old[i - 1], new[j - 1])):
                table[i, j] = min(table[i, j], table[i - 1, j - 1] + (old[i - 1] != new[j - 1]))
    expected = None if np.isinf(table[-1, -1]) else int(table[-1, -1])
    assert edits_between(threat, old, new, 20) == expected


@pytest.mark.parametrize(
    ("after", "allowed"),
    [
        ("win free mnoey today now", True),
        ("win free moneyy today now", False),
        ("win free oney today now", False),
        ("win free mqney today now", False),
        ("win fr\u0435e money today now", True),
        (f"win fr{HIDDEN}ee money today now", True),
        ("win fr\u00e9e money today now", False),
        ("win money today now", True),
        ("win free money today now meeting", True),
        ("win free money today now a,b,c,d,e,f", False),
        ("win free money today now " + "m" * 25, False),
        ("win free mnoey tdoay now", False),
        ("lose free money today now", False),
        ("", False),
    ],
)
def test_one_edit_of_five_words_that_people_read_the_same_is_lawful_and_nothing_else(after: str, allowed: bool) -> None:
    assert (within(THREAT, "win free money today now", after) is not None) is allowed


def test_moves_that_the_threat_model_leaves_out_are_unlawful() -> None:
    before = "win free money today now"
    for move, after in {
        "typo": "win free mnoey today now",
        "homoglyph": "win fr\u0435e money today now",
        "delete": "win money today now",
        "insert": "win free money today now hello",
    }.items():
        others = [one for one in ("typo", "homoglyph", "delete", "insert") if one != move]
        assert within(WordThreat(norm="words", epsilon=0.2, moves=[move]), before, after) is not None  # type: ignore[list-item]
        assert within(WordThreat(norm="words", epsilon=0.2, moves=others), before, after) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new"), [("hello", "hlelo"), ("hello", "helo"), ("hello", "helllo"), ("hello", "hwllo")]
)
def test_typos_are_slips_of_the_hand(old: str, new: str) -> None:
    assert is_typo(old, new) and new != old


def test_single_attacks_use_only_their_own_moves() -> None:
    rows, labels = mails([1, 1, 1])
    good_words, _ = learn_good_words(by_both, rows, labels)
    generator = np.random.default_rng(0)
    for one, longer in ((InsertGoodWords(THREAT, good_words), True), (RewriteWords(THREAT), False)):
        (found,) = run_searches([one.search(rows[0], Asking(1, 200), generator)], by_both)
        assert (len(found.split()) > 20) is longer
