"""What the words of a text do to its score: each distinct word left out in turn (Li, Monroe & Jurafsky 2016)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.explanation.explained import Explained
from tasks.explanation.score import centred

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.explanation.shapley import Answer

    Floats = NDArray[np.float64]

_WORD = re.compile(r"\w+")
_MOST_WORDS, _BATCH = 40, 1024


@dataclass(frozen=True)
class WordsLeftOut:
    """explained: parts are places in `words`, which differ from row to row."""

    explained: Explained
    words: tuple[tuple[str, ...], ...]

    def by_word(self) -> "tuple[list[str], Floats]":
        """All words, sorted, and (rows, words): 0 where a text has not the word, or it was not left out."""
        import numpy as np

        known = sorted({word for row in self.words for word in row})
        place = {word: at for at, word in enumerate(known)}
        values = np.zeros((len(self.words), len(known)))
        for row, found in enumerate(self.words):
            values[row, [place[word] for word in found]] = self.explained.values[row, : len(found)]
        return known, values


def leave_out_words(answer: "Answer", texts: Sequence[str], seed: int = 0) -> WordsLeftOut:
    """Of a text with more than 40 distinct words, 40 drawn at random are left out."""
    import numpy as np

    generator = np.random.default_rng(seed)
    words = tuple(_drawn(text, generator) for text in texts)
    targets = np.asarray(answer(_array(texts)).argmax(axis=1))
    full = centred(answer(_array(texts)), targets)
    changed = [(row, _left_out(texts[row], {word})) for row, found in enumerate(words) for word in found]
    owners = np.array([row for row, _ in changed], dtype=np.int64)
    left = _scores(answer, [text for _, text in changed], targets[owners])
    present = np.arange(max(map(len, words), default=0))[None, :] < np.array([len(row) for row in words])[:, None]
    values = np.zeros(present.shape)
    values[present] = full[owners] - left

    def without(taken: "NDArray[np.bool_]") -> "Floats":
        gone = [
            {word for word, is_out in zip(found, out, strict=False) if is_out}
            for found, out in zip(words, taken, strict=True)
        ]
        return _scores(answer, [_left_out(text, out) for text, out in zip(texts, gone, strict=True)], targets)

    return WordsLeftOut(Explained(values, targets, present, without), words)


def _drawn(text: str, generator: "np.random.Generator") -> tuple[str, ...]:
    found = sorted(set(_WORD.findall(text)))
    if len(found) <= _MOST_WORDS:
        return tuple(found)
    return tuple(sorted(str(word) for word in generator.choice(found, _MOST_WORDS, replace=False)))


def _left_out(text: str, words: set[str]) -> str:
    return re.sub(rf"\b(?:{'|'.join(sorted(words))})\b", "", text) if words else text


def _scores(answer: "Answer", texts: Sequence[str], targets: "NDArray[np.int64]") -> "Floats":
    import numpy as np

    parts = [
        centred(answer(_array(texts[first : first + _BATCH])), targets[first : first + _BATCH])
        for first in range(0, len(texts), _BATCH)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _array(texts: Sequence[str]) -> "NDArray[Any]":
    import numpy as np

    array = np.empty(len(texts), dtype=object)
    array[:] = list(texts)
    return array
