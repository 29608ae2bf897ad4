"""The whole default screen of MNIST beside the libraries that look for part of what it looks for: seconds and memory.

Some rows bear a 3 x 3 patch and its label, as many a wrong label. Each contestant is a process of its own on the same
file; wall seconds and peak memory of the process, the interpreter included. The peers get what they need: a network of
the screen's shape fitted on the same rows, which counts, and spectral signatures the true share of poison.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from bench_screen_labels import flip
from mnist import read_mnist
from numpy.typing import NDArray
from poisons import ATTACKS, poison
from screened import write

PEERS = ("activation_clustering", "spectral_signatures", "strip", "confident_learning")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--share", type=float, default=0.02, help="of the rows with a patch, and of those mislabelled")
    asked = parser.parse_args()
    images, labels = read_mnist("train")
    chosen = np.sort(np.random.default_rng(7).permutation(len(labels))[: asked.rows])
    flipped, wrong = flip(labels[chosen], asked.share, 0)
    made = poison(images[chosen], flipped, ATTACKS["patch"], asked.share, 0)
    with TemporaryDirectory() as folder:
        file = write(Path(folder, "rows.npz"), made.images, made.labels)
        for name in ("assay_screen", *PEERS):
            cost = run(command(name, file))
            found = judged(name, Path(folder))
            kinds = {"trigger_recall": made.bad, "flip_recall": wrong & ~made.bad, "clean_loss": ~wrong & ~made.bad}
            shares = {kind: round(float(found[rows].mean()), 4) for kind, rows in kinds.items()}
            print(json.dumps({"contestant": name} | cost | shares), flush=True)


def command(name: str, file: Path) -> list[str]:
    if name in PEERS:
        return [sys.executable, str(Path(__file__).with_name("screen_peers.py")), name, str(file)]
    return [str(Path(sys.executable).with_name("assay")), "screen", str(file), "--out", str(file.with_name("out"))]


def run(line: list[str]) -> dict[str, Any]:
    """Wall and CPU seconds, and peak memory in GiB."""
    started = time.monotonic()
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        raise SystemExit(f"{' '.join(line)}: ended with {os.waitstatus_to_exitcode(status)}")
    return {
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_gib": round(used.ru_maxrss / 2**20, 2),
    }


def judged(name: str, folder: Path) -> NDArray[np.bool_]:
    """(rows,): which rows the contestant would keep out."""
    if name in PEERS:
        return np.asarray(np.load(folder / f"{name}.npy"), dtype=bool)
    return np.asarray(pq.read_table(folder / "out" / "scores.parquet")["quarantined"].to_numpy(), dtype=bool)


if __name__ == "__main__":
    main()
