"""`spam`: is a mail spam (label 1) or not (0)? TF-IDF of its words and logistic regression, all inside the graph.

Raw form, in the dataset and when served: one string a mail, its subject, a newline, and its body.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from assay.errors import SpecError
from assay.json_types import Json
from assay.sdk import Collected, Collector, Range, Rows, TrainableModel, TrainingContext

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_WORDS, _NUMBERS = "vocabulary.json", "weights.safetensors"


# The mbox line that a mail server writes on delivery; later header lines carry what the sender claims.
_DELIVERED = re.compile(rb"From \S+\s+\w{3} (\w{3})\s+(\d+) (\d\d:\d\d:\d\d) (\d{4})")
_SUBJECT = re.compile(rb"^Subject:(.*(?:\n[ \t].*)*)", re.MULTILINE | re.IGNORECASE)
_LONGEST_CHARACTERS = 10_000


class SpamCollector(Collector):
    """SpamAssassin's public mails in the order of their delivery; the folder is the label.

    after, before: ISO days; mails delivered from `after` on and before `before` are taken, undated ones never.
    """

    time_column = "delivered"
    replay_options: ClassVar[Mapping[str, Json]] = {"after": "2002-08-01", "before": "2002-11-01"}

    def __init__(self, after: str = "2002-06-01", before: str = "2002-08-01") -> None:
        self.after, self.before = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (after, before))

    def describe_function(self, workdir: Path) -> Collected:
        """Row ids are folder and file name, which holds a digest of the mail."""
        return Collected(kind="text", label="label", row_id_rule="folder and file name of the mail")

    def rows_function(self, workdir: Path) -> "Iterator[pa.RecordBatch]":
        """One batch: row_id, delivered, text, label. Raises SpecError when no mail was delivered in the days."""
        import pyarrow as pa

        dated = [
            (delivered, f"{path.parent.name}/{path.stem}", mail)
            for path in sorted(workdir.glob("data/*/*.txt"))
            if (delivered := delivery_time(mail := path.read_bytes())) and self.after <= delivered < self.before
        ]
        if not dated:
            raise SpecError(
                f"spam: expected mails from {self.after:%F} to {self.before:%F}, found none in data/*/*.txt"
            )
        dated.sort(key=lambda mail: mail[:2])
        yield pa.RecordBatch.from_pydict(
            {
                "row_id": [row_id for _, row_id, _ in dated],
                "delivered": pa.array([delivered for delivered, _, _ in dated], pa.timestamp("s", tz="UTC")),
                "text": [mail_text(mail) for _, _, mail in dated],
                "label": pa.array([int(row_id.startswith("spam")) for _, row_id, _ in dated], pa.int64()),
            }
        )


def delivery_time(mail: bytes) -> datetime | None:
    """When the mail was delivered, by its mbox line; None when it has none that parses."""
    found = _DELIVERED.match(mail)
    if found is None:
        return None
    return datetime.strptime(" ".join(part.decode() for part in found.groups()), "%b %d %H:%M:%S %Y").replace(
        tzinfo=UTC
    )


def mail_text(mail: bytes) -> str:
    """Subject, a newline, and the body, at most 10,000 characters; other header lines tell dates and routes."""
    head, _, body = mail.partition(b"\n\n")
    subject = _SUBJECT.search(head)
    text = (subject[1].strip() if subject else b"") + b"\n" + body
    return text.decode("utf-8", "replace").replace("\0", " ")[:_LONGEST_CHARACTERS]


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
