"""The engine of big data: workers of Ray Data make the parts, which come here in the rows' order, a block at a time.

Workers read their pieces themselves, so that raw rows never pass through this process.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.errors import EngineUnavailable
from assay.settings import Settings
from assay.spec import ResourceSpec
from tasks.screening.row_parts import RowPart
from tasks.screening.row_reading import ReadParts, Refused, RowEngine, RowSource, in_process, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from ray.data.block import DataBatch

_BLOCK_BYTES = 16 << 20
_TRIES_AGAIN = 2  # by default Ray Data never gives up on a piece that kills its worker
_BLOCKS_UNDER_WAY = 64 << 20  # the local object store holds three times as much


def choose_engine(rows: int, above: int, settings: Settings, say: Callable[[str], None]) -> RowEngine:
    """Ray's when there are more than `above` rows, unless `above` is 0; else this process."""
    if not above or rows <= above:
        return in_process
    where = f"the cluster at {settings.ray_address}" if settings.ray_address else "a Ray on this machine"
    say(f"about {rows} rows, more than {above}: {where} reads them")
    return partial(from_ray, settings=settings)


def from_ray(source: RowSource, settings: Settings) -> ReadParts:
    """`on_ray`, connected for as long as it reads: to the settings' cluster, else to a local Ray that ends with it."""
    from tasks.training.ray_session import ray_session

    with ray_session(settings, ResourceSpec(), _BLOCKS_UNDER_WAY):
        yield from on_ray(source)


def on_ray(source: RowSource) -> ReadParts:
    """Needs a connected Ray. Raises EngineUnavailable when a worker fails for a reason that is not in the data."""
    import ray.data
    from ray.data.exceptions import ExecutionTimeoutError, SystemException
    from ray.exceptions import RayError

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what goes wrong is told once, as an error
    pieces = ray.data.from_items(list(range(source.pieces)), override_num_blocks=source.pieces)
    context = pieces.context
    context.execution_options.preserve_order = True
    context.target_max_block_size = _BLOCK_BYTES
    context.enable_progress_bars = context.print_on_execution_start = False
    with warnings.catch_warnings():
        # Ray's releases to come will want it named otherwise, and do not say how.
        warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
        made = pieces.map_batches(partial(_parts, source=source), batch_size=1, num_cpus=1, max_retries=_TRIES_AGAIN)
    try:
        for block in made.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            for piece, part in zip(block["piece"], block["part"], strict=True):
                yield piece.as_py(), part.as_py()
    except (RayError, SystemException, ExecutionTimeoutError) as error:
        raise _failed(_last_line(error)) from error


def _parts(batch: "dict[str, NDArray[Any]]", source: RowSource) -> "Iterator[DataBatch]":
    """In a worker: the parts of one piece, a row each."""
    import numpy as np

    piece = batch["item"][:1]
    for part in _told(source, int(piece[0])):
        held = np.empty(1, dtype=object)
        held[0] = part
        yield {"piece": piece, "part": held}


def _told(source: RowSource, piece: int) -> Iterator[RowPart | Refused]:
    try:
        yield from parts_of(source, piece)
    except Exception as error:  # noqa: BLE001 - Ray would tell it as many lines of its own
        yield Refused(_failed(f"{type(error).__name__}: {error}"))


def _failed(why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"Ray: a worker that reads rows failed: {why}; mend what it names, give workers more memory, or screen "
        "without Ray: `--ray-above 0`, in a spec `data.screen.ray_above_rows: 0`"
    )


def _last_line(error: BaseException) -> str:
    """Of what may be a whole trace of the worker: the failure itself."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
