"""Other forms of a word that people read as the same: typos as hands make them, and look-alikes."""

import re
from collections.abc import Iterator

from assay.spec import WordThreat
from tasks.attacks.words.keyboard import BESIDE
from tasks.attacks.words.look_alikes import HIDDEN, LOOK_ALIKES

_LETTERS = re.compile("[A-Za-z]+")
_FEWEST_LETTERS = 4


def rewrites(threat: WordThreat, word: str) -> list[str]:
    """At most one of each kind, the likeliest to hide the word from a model first; none for a word without letters."""
    run = max(_LETTERS.findall(word), key=len, default="")
    if not run:
        return []
    start = word.index(run)
    forms = list[str]()
    if "homoglyph" in threat.moves:
        forms += _look_alikes(run)
    if "typo" in threat.moves and len(run) >= _FEWEST_LETTERS:
        forms += _typos(run)
    return [word[:start] + form + word[start + len(run) :] for form in dict.fromkeys(forms) if form != run]


def _look_alikes(run: str) -> Iterator[str]:
    """One letter of another script, as near the middle as there is one; and a character that shows nothing."""
    middle = len(run) // 2
    known = sorted((abs(at - middle), at) for at, letter in enumerate(run) if letter in LOOK_ALIKES)
    if known:
        at = known[0][1]
        yield run[:at] + LOOK_ALIKES[run[at]] + run[at + 1 :]
    if middle:
        yield run[:middle] + HIDDEN + run[middle:]


def _typos(run: str) -> Iterator[str]:
    """Letters swapped, left out, doubled, and a key beside, in the middle of the run."""
    at = (len(run) - 1) // 2
    swapped = next((place for place in (*range(at, len(run) - 2), *range(1, at)) if run[place] != run[place + 1]), None)
    if swapped is not None:
        yield run[:swapped] + run[swapped + 1] + run[swapped] + run[swapped + 2 :]
    yield run[:at] + run[at + 1 :]
    yield run[:at] + run[at] + run[at:]
    beside = BESIDE[run[at].lower()][0]
    yield run[:at] + (beside.upper() if run[at].isupper() else beside) + run[at + 1 :]
