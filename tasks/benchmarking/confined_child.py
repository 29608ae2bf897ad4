"""The other side of `run_confined`: give everything up, load the libraries, do the one job, tell how it went.

What it tells is lines of JSON: `confined`, `ready`, `say`, and one of `done` or `error`.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from assay.errors import AssayError, SpecError
from assay.json_types import JsonObject
from tasks.benchmarking.confinement import Box, confine

OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "allocate memory", "Failed to allocate", "out of memory")


def main() -> None:
    """Reads the job from standard input, and `go` once its memory is limited."""
    asked = cast("dict[str, Any]", json.loads(sys.stdin.readline()))
    with os.fdopen(int(asked["pipe"]), "w", encoding="utf-8") as pipe:

        def tell(kind: str, what: Any) -> None:
            pipe.write(json.dumps({kind: what}, allow_nan=False) + "\n")
            pipe.flush()

        try:
            tell("done", _work(asked, tell))
        except Exception as error:  # noqa: BLE001 - whatever a stranger's file sets off is told, in words
            tell("error", _told(error))


def _work(asked: "dict[str, Any]", tell: Callable[[str, Any], None]) -> JsonObject:
    reads = [Path(path) for path in asked["reads"]]
    found = confine(Box(reads, Path(asked["workdir"]), int(asked["cpu_seconds"]), bool(asked["has_devices"])))
    tell("confined", found.to_json())
    if not found.network and not asked["allow_network"]:
        raise SpecError(
            "this machine's kernel lets a process be cut off from the network neither by its system calls (Linux on "
            "x86-64) nor by a namespace; measure elsewhere, or take the risk by --allow-network"
        )
    for name in asked["libraries"]:
        importlib.import_module(name)
    module, _, name = str(asked["function"]).partition(":")
    function = getattr(importlib.import_module(module), name)
    tell("ready", True)
    sys.stdin.readline()
    return cast(JsonObject, function(asked["request"], lambda line: tell("say", line)))


def _told(error: Exception) -> JsonObject:
    chain: list[BaseException] = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None and before not in chain:
        chain.append(before)
    is_full = any(isinstance(one, MemoryError) or any(words in str(one) for words in OUT_OF_MEMORY) for one in chain)
    family = type(error).__name__ if isinstance(error, AssayError) else ""
    text = str(error) if family else f"{type(error).__name__}: {error}"
    return {"family": family, "text": text, "out_of_memory": is_full}
