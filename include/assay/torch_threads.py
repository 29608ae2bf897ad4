"""Cores to independent searches instead of to the layers of one: small layers leave threads waiting for each other."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

Part = TypeVar("Part")
Done = TypeVar("Done")


def side_by_side(work: Callable[[Part], Done], parts: Sequence[Part], device: "torch.device") -> list[Done]:
    """`work` on every part, in their order; one thread each on as many cores as torch would give to one operation.

    Parts must not write what others read. A GPU does them one after another, as it is kept busy by one. Of several
    errors the first part's is raised, once what was begun has ended; parts not yet begun are left out.
    """
    import torch

    threads = torch.get_num_threads()
    workers = 1 if device.type != "cpu" else min(threads, len(parts))
    if workers < 2:
        return [work(part) for part in parts]
    try:
        with ThreadPoolExecutor(workers, "side-by-side", initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(work, parts))
    finally:
        torch.set_num_threads(threads)  # the number that threads to come start with was changed too
