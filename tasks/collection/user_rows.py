"""The rows of a user's Collector; whatever its code raises is told with its name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import AssayError, EngineUnavailable, SpecError
from assay.loaders import load_class
from assay.sdk import Collected, Collector
from assay.spec import CollectorSpec

if TYPE_CHECKING:
    import pyarrow as pa


def open_collector(spec: CollectorSpec) -> Collector:
    """The Collector that `reader` names, made with `options`. Raises SpecError when it cannot be made."""
    kind = load_class(spec.reader, Collector)
    with _told(spec.reader, "__init__"):
        try:
            collector: Collector = kind(**spec.options)
        except TypeError as error:
            raise SpecError(f"{spec.reader}: {error}; data.collector.options are its constructor's keywords") from error
    return collector


def described(collector: Collector, spec: CollectorSpec, folder: Path) -> Collected:
    """What the collector says of its rows. Raises SpecError when the spec says otherwise."""
    with _told(spec.reader, "describe_function"):
        found = collector.describe_function(folder)
    for key in ("kind", "label"):
        told, said = getattr(found, key), getattr(spec, key)
        if told and told != said:
            raise SpecError(
                f"data.collector.{key}: the spec says {said!r}, {spec.reader} says {told!r}; mend one of them"
            )
    return found


def user_rows(collector: Collector, spec: CollectorSpec, folder: Path) -> Iterator["pa.RecordBatch"]:
    """The collector's batches. Raises SpecError for what is no batch and for what its code raises,
    EngineUnavailable when it could not connect."""
    import pyarrow as pa

    with _told(spec.reader, "rows_function"):
        for batch in collector.rows_function(folder):
            if not isinstance(batch, pa.RecordBatch):
                raise SpecError(
                    f"{spec.reader}: rows_function: expected pyarrow.RecordBatch, found {type(batch).__name__}; "
                    "mend the collector"
                )
            yield batch


@contextmanager
def _told(reader: str, function: str) -> Iterator[None]:
    try:
        yield
    except AssayError:
        raise
    except (ConnectionError, TimeoutError) as error:
        raise EngineUnavailable(f"{reader}: {function}: {error}; is the server up?") from error
    except Exception as error:  # a user's code may raise anything
        raise SpecError(
            f"{reader}: {function} raises {type(error).__name__}: {error}; mend the collector or its data"
        ) from error
