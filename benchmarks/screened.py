"""Images judged by `assay screen`, the command itself, as its users get it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Screened:
    """quarantined, score: (rows,), higher is worse. said: the command's JSON."""

    quarantined: NDArray[np.bool_]
    score: NDArray[np.float64]
    said: dict[str, Any]


def screen_images(
    images: Images, labels: Labels, trusted: tuple[Images, Labels] | None, seed: int, options: Sequence[str] = ()
) -> Screened:
    """images: (rows, height, width) in [0, 1]. Raises SystemExit with the command's words when it breaks."""
    with TemporaryDirectory() as folder:
        command = str(Path(sys.executable).with_name("assay"))
        asked = [command, "screen", str(write(Path(folder, "rows.npz"), images, labels))]
        if trusted is not None:
            asked += ["--trusted", str(write(Path(folder, "trusted.npz"), *trusted))]
        asked += ["--json", "--seed", str(seed), "--out", f"{folder}/out", *options]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 3):
            raise SystemExit(done.stderr)
        scores = pq.read_table(Path(folder, "out", "scores.parquet"))
    quarantined, score = (scores[name].to_numpy() for name in ("quarantined", "score"))
    return Screened(quarantined, score, json.loads(done.stdout))


def write(path: Path, images: Images, labels: Labels) -> Path:
    """An archive of bytes, as images come."""
    np.savez(path, images=np.round(images * 255).astype(np.uint8), label=labels)
    return path


def quality(found: NDArray[np.bool_], score: NDArray[np.float64], bad: NDArray[np.bool_]) -> dict[str, float]:
    """bad: the rows that an attacker made."""
    return {
        "average_precision": round(float(average_precision_score(bad, score)), 4),
        "recall": round(float(found[bad].mean()), 4),
        "clean_loss": round(float(found[~bad].mean()), 5),
    }
