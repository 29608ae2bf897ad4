"""What the data screen costs on a big table, beside confident learning alone on the same model class.

The table is 50 columns of numbers and words whose label some of them explain, made up or sampled from Census-Income,
with wrong labels, copies and outliers planted; the whole default screen judges it.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from census import people_like, read_census
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

NUMBERS, WORDS, PART = 30, 20, 100_000
FLIPPED, COPIED, STRANGE = 0.01, 0.001, 0.0005


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--census", type=Path, help="sample this file of Census-Income, see census.py")
    parser.add_argument("--no-peer", action="store_true", help="only the screen")
    parser.add_argument("--as-peer", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.as_peer:
        print(json.dumps(judge_by_peer(asked.as_peer)))
        return
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "table.parquet"
        planted = write_table(table, asked.rows, asked.census)
        print(json.dumps({"assay": judge_by_screen(table, Path(name) / "out", planted)}), flush=True)
        if not asked.no_peer:
            command = [sys.executable, __file__, "--as-peer", str(table)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            flagged = found.pop("flagged")
            print(json.dumps({"cleanlab": found | quality(set(flagged), planted["label_issues"])}))


def write_table(path: Path, rows: int, census: Path | None = None) -> dict[str, set[int]]:
    """Places of what was planted, by the detector that should find it."""
    generator = np.random.default_rng(0)
    make = synthetic if census is None else partial(people_like, read_census(census))
    planted: dict[str, set[int]] = {"label_issues": set(), "duplicates": set(), "outliers": set()}
    writer = None
    for start in range(0, rows, PART):
        count = min(PART, rows - start)
        made = make(count, generator)
        flipped, strange, copied = pick(generator, count)
        for name in made.columns:
            values = made[name].to_numpy().copy()
            if name == "label":
                values[flipped] = 1 - values[flipped]
            elif is_numeric_dtype(values):
                values[strange] *= 12
            values[copied] = values[copied - 1]
            made[name] = values
        for kind, places in (("label_issues", flipped), ("outliers", strange), ("duplicates", copied)):
            planted[kind] |= set((places + start).tolist())
        batch = pa.Table.from_pandas(made, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, batch.schema)
        writer.write_table(batch.cast(writer.schema))
    if writer is not None:
        writer.close()
    return planted


def synthetic(rows: int, generator: np.random.Generator) -> pd.DataFrame:
    """30 numbers and 20 words, `label` explained by some of them."""
    share = 1 / np.arange(1, 13)
    weights = np.random.default_rng(2).normal(size=12)
    hidden = generator.normal(size=(rows, 6)).astype(np.float32)
    numbers = hidden @ np.random.default_rng(1).normal(size=(6, NUMBERS)).astype(np.float32)
    numbers = numbers + generator.normal(size=numbers.shape).astype(np.float32)
    words = generator.choice(12, (rows, WORDS), p=share / share.sum())
    label = (2 * hidden[:, 0] * hidden[:, 1] + 2 * hidden[:, 2] + weights[words[:, 0]] > 1).astype(np.int64)
    spelt = np.array([f"word {number}" for number in range(12)], dtype=object)
    columns = {f"n{number}": numbers[:, number] for number in range(NUMBERS)}
    return pd.DataFrame(columns | {f"w{number}": spelt[words[:, number]] for number in range(WORDS)} | {"label": label})


def pick(generator: np.random.Generator, count: int) -> tuple[NDArray[np.int64], ...]:
    """Even places, so that a copied row stands beside an untouched one: flipped, strange, copied."""
    sizes = [round(share * count) for share in (FLIPPED, STRANGE, COPIED)]
    chosen = 2 * generator.choice(np.arange(1, count // 2), sum(sizes), replace=False)
    return tuple(np.split(chosen, np.cumsum(sizes)[:-1]))


def judge_by_screen(table: Path, out: Path, planted: dict[str, set[int]]) -> dict[str, object]:
    program = Path(sys.executable).with_name("assay")
    started = time.perf_counter()
    command = [str(program), "screen", str(table), "--out", str(out), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    document = json.loads(done.stdout)
    suspects = pq.read_table(out / "suspects.parquet", columns=["row_id", "detector", "quarantined"]).to_pandas()
    kept_out = suspects[suspects["quarantined"]]
    found = {
        name: quality(set(kept_out.loc[kept_out["detector"] == name, "row_id"].astype(int)), places)
        for name, places in planted.items()
    }
    return {
        "seconds": round(seconds, 1),
        "peak_mib": document["peak_rss_bytes"] >> 20,
        "rows": document["rows"],
        "verdict": document["verdict"],
        "detector_seconds": {one["name"]: one["seconds"] for one in document["detectors"]},
        "found": found,
    }


def judge_by_peer(table: Path) -> dict[str, object]:
    """Confident learning on three folds of the same trees."""
    from cleanlab.filter import find_label_issues
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import cross_val_predict

    started = time.perf_counter()
    frame = pd.read_parquet(table)
    label = frame.pop("label").to_numpy()
    for name in frame.select_dtypes(exclude="number"):
        frame[name] = frame[name].astype("category")
    model = HistGradientBoostingClassifier(max_iter=60, early_stopping=False, categorical_features="from_dtype")
    probabilities = cross_val_predict(model, frame, label, cv=3, method="predict_proba")
    flagged = np.flatnonzero(find_label_issues(label, probabilities, n_jobs=1)).tolist()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return {"seconds": round(time.perf_counter() - started, 1), "peak_mib": peak, "flagged": flagged}


def quality(found: set[int], planted: set[int]) -> dict[str, float]:
    hit = len(found & planted)
    return {"precision": round(hit / max(len(found), 1), 3), "recall": round(hit / max(len(planted), 1), 3)}


if __name__ == "__main__":
    main()
