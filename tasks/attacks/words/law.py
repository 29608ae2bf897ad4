"""Whether a text may come from another within a threat model: judged by the two texts alone, however they were made."""

from collections.abc import Sequence
from functools import partial
from math import floor

from assay.spec import WordThreat
from tasks.attacks.black_box import Moved
from tasks.attacks.words.keyboard import are_beside
from tasks.attacks.words.look_alikes import skeleton

LONGEST_INSERTED = 24


def budget(epsilon: float, words: int) -> int:
    """How many words of a text of so many may be edited; one at least."""
    return max(1, floor(epsilon * words + 1e-9))


def within(threat: WordThreat, before: str, after: str) -> Moved | None:
    """How many words were edited, at the least; None when the threat model does not allow it. Spaces carry no word."""
    old, new = before.split(), after.split()
    if not new or not old:
        return None
    edits = edits_between(threat, old, new, budget(threat.epsilon, len(old)))
    return None if edits is None else Moved(edits, 0.0 if edits <= 1 else edits / len(old))


def edits_between(threat: WordThreat, old: Sequence[str], new: Sequence[str], most: int) -> int | None:
    """The fewest allowed edits of words that turn one into the other; None above `most` (Landau & Vishkin 1989).

    reached: by diagonal, old words less new ones, how many old words are behind us after so many edits.
    """
    slide = partial(_slide, old, new)
    reached = {0: slide(0, 0)}
    for edits in range(most + 1):
        if reached.get(len(old) - len(new)) == len(old):
            return edits
        further = dict(reached)
        for diagonal, done in reached.items():
            for step, after in _steps(threat, old, new, done, done - diagonal):
                further[diagonal + step] = max(further.get(diagonal + step, 0), slide(after, after - diagonal - step))
        reached = further
    return None


def _steps(threat: WordThreat, old: Sequence[str], new: Sequence[str], i: int, j: int) -> list[tuple[int, int]]:
    """What one edit leads to from behind `i` old and `j` new words: change of diagonal, old words behind."""
    steps = []
    if "delete" in threat.moves and i < len(old):
        steps.append((1, i + 1))
    if "insert" in threat.moves and j < len(new) and may_insert(new[j]):
        steps.append((-1, i))
    if i < len(old) and j < len(new) and may_rewrite(threat, old[i], new[j]):
        steps.append((0, i + 1))
    return steps


def _slide(old: Sequence[str], new: Sequence[str], i: int, j: int) -> int:
    while i < len(old) and j < len(new) and old[i] == new[j]:
        i, j = i + 1, j + 1
    return i


def may_insert(word: str) -> bool:
    """One plain word: what joins several by marks is no single edit."""
    return word.isalnum() and len(word) <= LONGEST_INSERTED


def may_rewrite(threat: WordThreat, old: str, new: str) -> bool:
    """Whether people read the new word as the old one."""
    looks_alike = "homoglyph" in threat.moves and len(new) <= 2 * len(old) and skeleton(old) == skeleton(new)
    return looks_alike or ("typo" in threat.moves and is_typo(old, new))


def is_typo(old: str, new: str) -> bool:
    """One slip between the first and the last letter: two swapped, one left out, doubled, or a key beside."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    if not (_has_letter(old[:start]) and _has_letter(old[len(old) - end :])) or not f"a{gone}{come}".isalpha():
        return False
    if not gone:
        return len(come) == 1 and come in (old[start - 1], old[start])
    if not come:
        return len(gone) == 1
    return are_beside(gone, come) if len(gone) == len(come) == 1 else len(gone) == 2 and come == gone[::-1]


def _has_letter(part: str) -> bool:
    return any(letter.isalpha() for letter in part)
