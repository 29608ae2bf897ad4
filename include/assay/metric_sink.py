"""Where `assay.log_metric` writes inside a trial: to the trial, whose driver tells MLflow, with no call per metric."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Sink = Callable[[str, float], None]
_SINK: ContextVar[Sink | None] = ContextVar("assay_metric_sink", default=None)


@contextlib.contextmanager
def collect_metrics(sink: Sink) -> Iterator[None]:
    """While this is open, `log_metric` of this thread goes to `sink(name, value)`."""
    token = _SINK.set(sink)
    try:
        yield
    finally:
        _SINK.reset(token)


def metric_sink() -> Sink | None:
    """The open sink, or None outside of a trial."""
    return _SINK.get()
