"""What reading a big table for the screen costs in one process and on a local Ray: seconds and memory.

Both must give the same rows, byte for byte. On two cores nothing is to be gained: the engine is for data whose
reading takes long on one machine, and for clusters. The detectors' own time and memory are bench_screen_table's.
"""

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq
from bench_screen_table import write_table
from pyarrow import csv

from assay.settings import Settings
from tasks.screening.file_case import load_case
from tasks.screening.file_rows import open_rows
from tasks.screening.ray_rows import choose_engine
from tasks.screening.rows import ScreenRows

SAMPLED_EVERY = 0.25
FILES = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--csv", action="store_true", help=f"{FILES} CSV files instead of one Parquet file")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--engine", choices=["in_process", "ray"], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.read:
        print(json.dumps(read(asked.read, asked.engine, asked.workers)))
        return
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "table.parquet"
        write_table(path, asked.rows)
        path = as_csv(path) if asked.csv else path
        seen = {}
        for engine in ("in_process", "ray"):
            command = [sys.executable, __file__, "--read", str(path), "--engine", engine]
            done = subprocess.run([*command, "--workers", str(asked.workers)], check=True, capture_output=True)
            found = json.loads(done.stdout)
            seen[engine] = found.pop("rows_digest")
            print(json.dumps({engine: found}), flush=True)
        assert seen["in_process"] == seen["ray"], "the engines read different rows"


def as_csv(table: Path) -> Path:
    folder = table.with_suffix("")
    folder.mkdir()
    batches = list(pq.ParquetFile(table).iter_batches(batch_size=-(-pq.read_metadata(table).num_rows // FILES)))
    for place, batch in enumerate(batches):
        csv.write_csv(batch, folder / f"{place}.csv")
    return folder


def read(path: Path, engine: str, workers: int) -> dict[str, object]:
    """One engine in a process of its own. peak_mib: of this process; all_peak_mib: of it and all it started."""
    os.cpu_count = lambda: workers  # what a local Ray makes its workers by
    with memory_watched() as peak:
        before = peak_mib()
        started = time.perf_counter()
        chosen = choose_engine(2, 1 if engine == "ray" else 0, Settings(ray_address=""), lambda _: None)
        found = load_case(open_rows(path), None, 0.01, 0, chosen)
        seconds = time.perf_counter() - started
    return {
        "rows": len(found.case.rows),
        "seconds": round(seconds, 1),
        "before_mib": before,
        "peak_mib": peak_mib(),
        "all_peak_mib": max(peak) >> 20,
        "rows_digest": digest(found.case.rows),
    }


@contextlib.contextmanager
def memory_watched() -> Iterator[list[int]]:
    """Proportional set sizes of this process and all below it, summed: shared memory counts once."""
    sums, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLED_EVERY):
            total = 0
            for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += process.memory_full_info().pss
            sums.append(total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield sums
    finally:
        ended.set()
        watcher.join()


def peak_mib() -> int:
    """Since this program began; `ru_maxrss` would count what its parent held before."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) >> 10


def digest(rows: ScreenRows) -> str:
    total = hashlib.sha256("\n".join(rows.row_ids).encode())
    for array in (rows.contents.digests, rows.labels, rows.features, rows.words):  # type: ignore[attr-defined]
        total.update(array.tobytes())
    return total.hexdigest()


if __name__ == "__main__":
    main()
