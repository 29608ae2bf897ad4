"""Send dated rows to the served model in time order, labels afterwards, and let drift do the rest.

Each chunk is answered by the real server and captured by it; then people's labels arrive; then the
watch DAG judges the window. When it asks for retraining, the asset event starts the training DAG and
the replay waits for it. Nothing here tells the system that anything drifted.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from assay.errors import EngineUnavailable
from assay.json_types import JsonObject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class DatedRows:
    """Rows in time order. inputs: as the model takes them; labels: int64; at: one time a row."""

    inputs: "NDArray[Any]"
    labels: "NDArray[np.int64]"
    at: tuple[datetime, ...]
    row_ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.row_ids)

    def part(self, start: int, stop: int) -> "DatedRows":
        """Rows `start` to `stop`, still in order."""
        return DatedRows(
            self.inputs[start:stop], self.labels[start:stop], self.at[start:stop], self.row_ids[start:stop]
        )


@dataclass(frozen=True)
class WatchOutcome:
    """What the watch DAG said of a window, and how the training it started (if any) ended."""

    verdict: str
    retrained: bool = False
    promoted: bool = False
    reason: str = ""


class Deployment(Protocol):
    """The served model as a client and its people see it."""

    def ask(self, rows: DatedRows, request_id: str) -> tuple["NDArray[np.int64]", int]:
        """Predicted labels of the served model, and the version that answered."""

    def label(self, rows: DatedRows, request_id: str) -> None:
        """People's labels for that request arrive."""

    def watch(self) -> WatchOutcome:
        """Run the watch DAG now; when it starts a training, wait until that has ended."""


@dataclass(frozen=True)
class ChunkResult:
    """One stretch of traffic. Accuracies in [0, 1]; `static_accuracy` is the first model's on the same rows."""

    first: datetime
    last: datetime
    rows: int
    version: int
    accuracy: float
    static_accuracy: float
    positive_share: float
    recall: float | None
    false_positive_rate: float | None
    outcome: WatchOutcome = field(default_factory=lambda: WatchOutcome("not_checked"))

    def to_json(self) -> JsonObject:
        return {
            "from": self.first.isoformat(),
            "until": self.last.isoformat(),
            "rows": self.rows,
            "version": self.version,
            "accuracy": self.accuracy,
            "static_accuracy": self.static_accuracy,
            "positive_share": self.positive_share,
            "recall": self.recall,
            "false_positive_rate": self.false_positive_rate,
            "watch": self.outcome.verdict,
            "retrained": self.outcome.retrained,
            "promoted": self.outcome.promoted,
            "reason": self.outcome.reason,
        }


def replay_traffic(
    rows: DatedRows,
    deployment: Deployment,
    static_model: Callable[["NDArray[Any]"], "NDArray[np.int64]"],
    *,
    chunk_rows: int,
    say: Callable[[ChunkResult], None],
) -> list[ChunkResult]:
    """Replay in chunks of `chunk_rows`; a last chunk smaller than half of that joins its neighbour."""
    results = []
    stamp = f"{time.time_ns():x}"
    for index, (start, stop) in enumerate(_chunks(len(rows), chunk_rows)):
        chunk, request_id = rows.part(start, stop), f"replay-{stamp}-{index}"
        predicted, version = deployment.ask(chunk, request_id)
        deployment.label(chunk, request_id)
        outcome = deployment.watch()
        result = _measure(chunk, predicted, static_model(chunk.inputs), version, outcome)
        say(result)
        results.append(result)
    return results


def _chunks(total: int, size: int) -> Sequence[tuple[int, int]]:
    starts = list(range(0, total, size))
    if len(starts) > 1 and total - starts[-1] < size / 2:
        starts.pop()
    return [(start, total if start == starts[-1] else start + size) for start in starts]


def _measure(
    chunk: DatedRows,
    predicted: "NDArray[np.int64]",
    static: "NDArray[np.int64]",
    version: int,
    outcome: WatchOutcome,
) -> ChunkResult:
    positive = chunk.labels == 1
    binary = set(chunk.labels.tolist()) <= {0, 1}
    return ChunkResult(
        first=chunk.at[0],
        last=chunk.at[-1],
        rows=len(chunk),
        version=version,
        accuracy=float((predicted == chunk.labels).mean()),
        static_accuracy=float((static == chunk.labels).mean()),
        positive_share=float(positive.mean()),
        recall=float((predicted[positive] == 1).mean()) if binary and positive.any() else None,
        false_positive_rate=float((predicted[~positive] == 1).mean()) if binary and (~positive).any() else None,
        outcome=outcome,
    )


def wait_until(ready: Callable[[], bool], what: str, timeout_seconds: float, pause_seconds: float = 0.3) -> None:
    """Poll until `ready()`; raises EngineUnavailable naming `what` after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if time.monotonic() > deadline:
            raise EngineUnavailable(f"{what}: expected within {timeout_seconds:.0f} s, not seen; `assay status` tells")
        time.sleep(pause_seconds)
