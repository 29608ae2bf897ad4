"""Facts about texts: the words that speak most for each class."""

from collections import Counter
from typing import TYPE_CHECKING

from assay.json_types import Json
from tasks.explanation.words import WordsLeftOut

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MOST, _MOST_CLASSES, _LONGEST = 15, 20, 40


def word_facts(left_out: WordsLeftOut) -> dict[str, Json]:
    """words: class -> the 15 that raise its score most over all its texts; weight: by how much, a text of the class."""
    import numpy as np

    words, values = left_out.by_word()
    targets, found = left_out.explained.targets, dict[str, Json]()
    for one in np.unique(targets)[:_MOST_CLASSES]:
        own = values[targets == one]
        mean = own.mean(axis=0)
        top = [at for at in np.argsort(-mean, kind="stable")[:_MOST] if mean[at] > 0]
        found[str(int(one))] = [
            {"word": words[at][:_LONGEST], "weight": round(float(mean[at]), 4), "texts": int((own[:, at] != 0).sum())}
            for at in top
        ]
    return {"words": found}


def common_words(left_out: WordsLeftOut, least: int = 4) -> "tuple[list[str], Floats]":
    """Words that `least` texts have, and their values (rows, words): rarer ones tell nothing of other texts."""
    import numpy as np

    words, values = left_out.by_word()
    often = Counter(word for row in left_out.words for word in row)
    kept = np.array([at for at, word in enumerate(words) if often[word] >= least], dtype=np.int64)
    return [words[at] for at in kept], values[:, kept]
