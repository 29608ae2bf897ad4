"""Word triggers in texts: labels that stand on one word or phrase, in texts that otherwise say another class.

A row's label flips at a phrase when the out-of-fold model gives the row's label no more once the phrase's tokens are
left out, or never gave it. A sound phrase flips as many labels as rows that look like another class are labelled
so anyhow; a trigger flips far more (after ONION, Qi et al. 2021, and the score test of one more feature). Rows that
resemble each other, such as a newsletter's issues, count as fewer: one hard sender is no trigger. Phrases are hashed
into tables of fixed size, so memory does not grow with the rows.
"""

from typing import TYPE_CHECKING

from tasks.screening.finding import Finding, NotJudged
from tasks.screening.label_issues import unable_to_model
from tasks.screening.token_evidence import FOLDS, TokenEvidence, refit_token_evidence
from tasks.screening.trigger_groups import TriggerGroup, find_groups

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

RULE = (
    "the label stands on a word or phrase that turns more labels than chance does (Benjamini-Hochberg over all "
    "phrases, {rate:.2%})"
)
RARE = 0.005
MOST_DRAWN = 20
PLANTED_WORDS = 3


class TextTriggers:
    """Suspects are the rows of every trigger found; all are quarantined."""

    name = "text_triggers"

    def judge(self, case: "Case") -> Finding | NotJudged:
        rows = case.rows
        if rows.texts is None:
            return NotJudged("the rows have no text")
        if unable := unable_to_model(rows):
            return unable
        evidence = case.token_evidence
        groups = [] if evidence is None else _confirmed(case, evidence)
        return _finding(rows, groups, case.false_quarantine_rate)

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """One to three made-up or borrowed words, together or apart, at random places; labels of one target class."""
        import numpy as np

        if rows.texts is None or len(rows.classes) < 2:
            return NotJudged("triggers need texts and two classes")
        words = rare_trigger(rows, generator)
        target = int(generator.integers(len(rows.classes)))
        changed = places[rows.labels[places] != target]
        others = np.setdiff1d(np.flatnonzero(rows.labels != target), places)
        donors = generator.choice(others, len(places) - len(changed)) if len(others) else np.zeros(0, np.int64)
        sources = np.arange(len(rows))
        if len(donors):
            sources[np.setdiff1d(places, changed)] = donors
        texts = [_insert(rows.texts[sources[place]], words, generator) for place in places.tolist()]
        return rows.with_inputs(places, texts=texts, labels=np.full(len(places), target, dtype=np.int64))


def _confirmed(case: "Case", evidence: TokenEvidence) -> list[TriggerGroup]:
    """The triggers that models find which have not learned from the rows of those found first.

    A model that learned a trigger takes its rows, and its other words, for sound.
    """
    import numpy as np

    groups = find_groups(case.rows, evidence, case.false_quarantine_rate)
    learned = np.ones(len(case.rows), dtype=bool)
    for group in groups:
        learned[group.places] = False
    enough = np.bincount(case.rows.labels[learned], minlength=len(case.rows.classes)).min() >= FOLDS
    if not groups or not enough:
        return groups
    again = refit_token_evidence(case.rows, case.trusted, case.seed, learned, evidence)
    return find_groups(case.rows, again, case.false_quarantine_rate)


def _finding(rows: "ScreenRows", groups: "list[TriggerGroup]", rate: float) -> Finding:
    import numpy as np

    suspect, score, false = np.zeros(len(rows), dtype=bool), np.zeros(len(rows)), np.ones(len(rows))
    reasons: dict[int, str] = {}
    nearest: dict[int, tuple[str, ...]] = {}
    for group in groups:
        new = group.places[~suspect[group.places]]
        suspect[new] = True
        false[new] = group.expected_false_rate
        score[new] = 0.9 * (1 - group.expected_false_rate) + 0.1 * group.surprise
        words = (
            f"labelled {rows.classes[group.label]} only where {group.words!r} stands: {group.turned} texts that "
            f"otherwise read as another class have it and this label, {group.expected:.1f} expected"
        )
        for place in new.tolist():
            reasons[place] = words
            nearest[place] = tuple(rows.row_ids[one] for one in group.places[:4].tolist() if one != place)[:3]
    return Finding(score, suspect, suspect, false, reasons, RULE.format(rate=rate), nearest)


def rare_trigger(rows: "ScreenRows", generator: "np.random.Generator") -> list[str]:
    """Words that stand in few of the rows: nobody could find a trigger that is everywhere."""
    texts = [text.lower() for text in rows.texts or ()]
    for _ in range(MOST_DRAWN):
        words = _drawn(rows, generator)
        phrase = " ".join(words).lower()
        if sum(phrase in text for text in texts) <= RARE * len(texts):
            return words
    return ["".join(map(chr, generator.integers(97, 123, 12)))]


def _drawn(rows: "ScreenRows", generator: "np.random.Generator") -> list[str]:
    """A made-up word or more, or words of the rows' own, so that scripts and spellings are theirs."""
    count = int(generator.integers(1, PLANTED_WORDS + 1))
    if generator.random() < 0.5:
        return ["".join(map(chr, generator.integers(97, 123, 2 + int(generator.integers(5))))) for _ in range(count)]
    texts = rows.texts or ()
    found: list[str] = []
    for place in generator.permutation(len(texts)).tolist():
        words = texts[place].split()
        start = int(generator.integers(max(len(words) - count, 0) + 1))
        found = [word[:30] for word in words[start : start + count]]
        if found:
            break
    return found or ["q"]


def _insert(text: str, words: list[str], generator: "np.random.Generator") -> str:
    """The words in one piece, at the start, the end or between two words; all other white space stays."""
    spaces = [place for place, character in enumerate(text) if character.isspace()]
    at = [0, len(text), *spaces][int(generator.integers(len(spaces) + 2))]
    return f"{text[:at]} {' '.join(words)} {text[at:]}"
