"""What each token says about the label: a linear model of token counts that never judges a row it has seen.

Tokens are runs of letters and digits, runs of other signs, and, in scripts that do not part their words, single
characters; so any language has some. They are hashed to a fixed number of columns: memory does not grow with the
vocabulary.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from tasks.screening.rows import ScreenRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_COLUMNS, FEWEST_COLUMNS = 2**18, 2**14
MOST_WEIGHTS = 2**21
FOLDS = 3
MOST_FITTED = 40_000
MOST_COMPARED = 2_000
# Thai, Lao, Myanmar, Khmer, kana, and the Han characters: scripts without spaces between words.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|[^\w\s]+")


@dataclass(frozen=True)
class TokenEvidence:
    """One linear model a fold, each row judged by the fold it was left out of.

    tokens: per row, the hashes of its tokens in order. fold: (rows,). counted: (rows, columns) sparse, unit length.
    weights: (FOLDS, columns, classes) float32. bias: (FOLDS, classes). logits: (rows, classes).
    """

    tokens: "tuple[NDArray[np.uint32], ...]"
    fold: "NDArray[np.int64]"
    counted: Any
    weights: "NDArray[np.float32]"
    bias: "NDArray[np.float64]"
    logits: "NDArray[np.float64]"

    @cached_property
    def alike(self) -> "NDArray[np.float64]":
        """(classes, classes): the mean cosine of two rows that look like these classes."""
        import numpy as np

        looks, classes = self.logits.argmax(axis=1), self.logits.shape[1]
        parts = [self.counted[_spread(np.flatnonzero(looks == one))] for one in range(classes)]
        middles = np.array([np.asarray(part.sum(axis=0)).ravel() / max(part.shape[0], 1) for part in parts])
        alike = middles @ middles.T
        alike[np.diag_indices(classes)] = [mean_cosine(part) for part in parts]
        return np.asarray(alike, dtype=np.float64)

    @property
    def probabilities(self) -> "NDArray[np.float64]":
        """(rows, classes)."""
        import numpy as np
        from scipy.special import softmax

        return np.asarray(softmax(self.logits, axis=1), dtype=np.float64)


def mean_cosine(rows: Any) -> float:
    """Of two of the sparse rows, in [0, 1]; 0 for fewer than two."""
    import numpy as np
    from sklearn.preprocessing import normalize

    many = rows.shape[0]
    if many < 2:
        return 0.0
    total = np.asarray(normalize(rows).sum(axis=0)).ravel()
    return float(np.clip((total @ total - many) / (many * (many - 1)), 0, 1))


def _spread(places: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """At most MOST_COMPARED of them, evenly."""
    return places[:: -(-len(places) // MOST_COMPARED) or 1]


def tokens_of(text: str) -> list[str]:
    """In order, as written: a trigger may be a word that only its capitals set apart."""
    return _TOKEN.findall(text)


@lru_cache(maxsize=2**20)
def token_hash(token: str) -> int:
    """32 bits, the same in every process."""
    return zlib.crc32(token.encode("utf-8", "surrogatepass"))


def fit_token_evidence(rows: ScreenRows, trusted: ScreenRows | None, seed: int) -> TokenEvidence:
    """trusted: rows that every fold's model also learns from. Needs two classes of FOLDS rows each, and texts."""
    import numpy as np

    return _fit_folds(rows, trusted, seed, np.ones(len(rows), dtype=bool))


def refit_token_evidence(
    rows: ScreenRows, trusted: ScreenRows | None, seed: int, learned: "NDArray[np.bool_]", before: TokenEvidence
) -> TokenEvidence:
    """As `fit_token_evidence`, but no model learns from the rows that are not `learned`. They are judged as before."""
    return _fit_folds(rows, trusted, seed, learned, before)


def _fit_folds(
    rows: ScreenRows,
    trusted: ScreenRows | None,
    seed: int,
    learned: "NDArray[np.bool_]",
    before: TokenEvidence | None = None,
) -> TokenEvidence:
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    known = _hashed((trusted.texts or ()) if trusted is not None else ())
    tokens = before.tokens if before is not None else _hashed(rows.texts or ())
    fitting = 2 ** ((MOST_WEIGHTS // len(rows.classes)).bit_length() - 1)
    columns = min(MOST_COLUMNS, max(FEWEST_COLUMNS, fitting))
    counted = _unit_counts([*tokens, *known], columns)
    labels = rows.labels if trusted is None else np.concatenate([rows.labels, trusted.labels])
    fold, logits = np.zeros(len(rows), np.int64), np.zeros((len(rows), len(rows.classes)))
    weights = np.zeros((FOLDS, columns, len(rows.classes)), np.float32)
    bias = np.zeros((FOLDS, len(rows.classes)))
    generator = np.random.default_rng(seed)
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(rows)), rows.labels)
    for number, (train, aside) in enumerate(splits):
        some = train[learned[train]]
        some = some if len(some) <= MOST_FITTED else np.sort(generator.choice(some, MOST_FITTED, replace=False))
        fitted = np.concatenate([some, np.arange(len(rows), len(labels))])
        weights[number], bias[number] = _fit(counted[fitted], labels[fitted], len(rows.classes), seed)
        logits[aside] = counted[aside] @ weights[number] + bias[number]
        fold[aside] = number
    return TokenEvidence(tokens, fold, counted[: len(rows)], weights, bias, logits)


def _hashed(texts: Sequence[str]) -> "tuple[NDArray[np.uint32], ...]":
    import numpy as np

    return tuple(np.array([token_hash(token) for token in tokens_of(text)], dtype=np.uint32) for text in texts)


def _unit_counts(tokens: "Sequence[NDArray[np.uint32]]", width: int) -> Any:
    """(rows, width) CSR: logarithmic counts, weighted by inverse document frequency, rows of unit length."""
    import numpy as np
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfTransformer

    counts = [np.unique(row % width, return_counts=True) for row in tokens]
    ends = np.cumsum([0, *(len(columns) for columns, _ in counts)])
    columns = np.concatenate([np.zeros(0, np.uint32), *(columns for columns, _ in counts)]).astype(np.int32)
    values = np.concatenate([np.zeros(0), *(many for _, many in counts)]).astype(np.float32)
    matrix = csr_matrix((values, columns, ends), shape=(len(tokens), width))
    return TfidfTransformer(sublinear_tf=True).fit_transform(matrix)


def _fit(counted: Any, labels: "NDArray[np.int64]", classes: int, seed: int) -> Any:
    """Weights (columns, classes) and bias (classes,); of two classes one logit, split evenly."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    present, codes = np.unique(labels, return_inverse=True)
    used = np.unique(counted.indices)
    model = LogisticRegression(C=10.0, max_iter=200, random_state=seed).fit(counted[:, used], codes)
    weights, bias = np.zeros((counted.shape[1], classes), np.float32), np.full(classes, -30.0)
    coefficients, intercept = model.coef_.T, model.intercept_
    if len(present) == 2:
        coefficients = np.hstack([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    weights[used[:, None], present] = coefficients
    bias[present] = intercept
    return weights, bias
