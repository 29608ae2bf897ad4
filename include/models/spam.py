"""`spam`: is a mail spam (label 1) or not (0)? TF-IDF of its words and logistic regression, all inside the graph.

Raw form, in the dataset and when served: one string a mail, its subject, a newline, and its body.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from assay.errors import SpecError
from assay.sdk import Range, Rows, TrainableModel, TrainingContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORDS, _NUMBERS = "vocabulary.json", "weights.safetensors"


class SpamModel(TrainableModel):
    """Word counts weighted by idf, scaled to length 1, and a linear classifier."""

    def __init__(self) -> None:
        self._words: tuple[str, ...] = ()
        self._numbers: dict[str, NDArray[Any]] = {}

    def train_function(
        self,
        train: Rows,
        context: TrainingContext,
        *,
        strength: Annotated[float, Range(0.01, 1000)] = 10.0,
        min_mails: Annotated[int, Range(1, 100)] = 2,
    ) -> None:
        """strength: inverse of the L2 penalty. min_mails: words in fewer mails are left out."""
        import numpy as np
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        from assay.text_onnx import TOKEN_PATTERN

        vectorizer = TfidfVectorizer(lowercase=False, token_pattern=TOKEN_PATTERN, min_df=min_mails)
        features = vectorizer.fit_transform(_texts(train.inputs))
        fitted = LogisticRegression(C=strength, max_iter=1000, random_state=context.seed)
        fitted.fit(features, train.labels, sample_weight=train.weights)
        if fitted.coef_.shape[0] != 1:
            raise SpecError(f"spam: expected two classes, found labels {fitted.classes_.tolist()}; mend the labels")
        # One logit of two classes, split evenly, so that a softmax gives what the sigmoid gave.
        half, bias = fitted.coef_[0] / 2, fitted.intercept_[0] / 2
        self._words = tuple(str(word) for word in vectorizer.get_feature_names_out())
        self._numbers = {
            "idf": vectorizer.idf_.astype(np.float32),
            "weights": np.stack([-half, half], axis=1).astype(np.float32),
            "bias": np.array([-bias, bias], np.float32),
        }

    def predict_function(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """Probabilities of (not spam, spam) for raw texts."""
        import numpy as np
        from scipy.special import softmax
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.preprocessing import normalize

        from assay.text_onnx import TOKEN_PATTERN

        numbers = self._fitted()
        counter = CountVectorizer(
            lowercase=False, token_pattern=TOKEN_PATTERN, vocabulary=list(self._words), dtype=np.float32
        )
        weighted = counter.transform(_texts(inputs)).multiply(numbers["idf"]).tocsr()
        logits = normalize(weighted) @ numbers["weights"] + numbers["bias"]
        return np.asarray(softmax(logits, axis=1), dtype=np.float32)

    def save_function(self, folder: Path) -> None:
        """The words as JSON, the numbers as safetensors."""
        from safetensors.numpy import save_file

        numbers = self._fitted()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _WORDS).write_text(json.dumps(self._words, ensure_ascii=True))
        save_file(numbers, folder / _NUMBERS)

    def load_function(self, folder: Path) -> None:
        """Restore what `save_function` wrote."""
        from safetensors.numpy import load_file

        self._words = tuple(json.loads((folder / _WORDS).read_text()))
        self._numbers = load_file(folder / _NUMBERS)

    def export_function(self, path: Path) -> None:
        """Strings (rows, 1) in; tokens, counts and idf are part of the graph."""
        from assay.text_onnx import export_text_classifier

        export_text_classifier(path, self._words, **self._fitted())

    def _fitted(self) -> "dict[str, NDArray[Any]]":
        if not self._numbers:
            raise SpecError("the model has no weights yet; call train_function or load_function first")
        return self._numbers


def _texts(inputs: "NDArray[Any]") -> Sequence[str]:
    return [str(text) for text in inputs.reshape(-1)]
