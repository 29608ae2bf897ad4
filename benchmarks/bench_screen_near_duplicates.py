"""How well and how fast near copies are found, beside scikit-learn's exact neighbours and a cut-off on their distances.

The peer compares all pairs and flags as many rows as are copies, those nearest to another: it is told how many there
are, which nobody knows of data. CPU seconds, so that other jobs count little.
"""

import argparse
import json
import time

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from tasks.screening.case import Case
from tasks.screening.finding import Finding
from tasks.screening.near_duplicates import NearDuplicates
from tasks.screening.rows import ScreenRows

COLUMNS, HIDDEN = 50, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--originals", type=int, nargs="+", default=[1, 20, 200])
    parser.add_argument("--no-peer", action="store_true", help="only the screen, for sizes that all pairs forbid")
    asked = parser.parse_args()
    for originals in asked.originals:
        rows, bad = make_rows(asked.rows, asked.copies, originals)
        started = time.process_time()
        finding = NearDuplicates().judge(Case(rows))
        between = time.process_time()
        if not isinstance(finding, Finding):
            raise SystemExit(finding.reason)
        line: dict[str, object] = {"rows": asked.rows, "copies": asked.copies, "originals": originals}
        line |= {"assay_kept_out": quality(finding.quarantined, bad), "assay_s": round(between - started, 1)}
        if not asked.no_peer:
            flagged = nearest_by_all_pairs(rows, asked.copies)
            seconds = time.process_time() - between
            line |= {"all_pairs": quality(flagged, bad), "all_pairs_s": round(seconds, 1)}
            line |= {"ratio": round((between - started) / seconds, 2)}
        print(json.dumps(line), flush=True)


def make_rows(count: int, copies: int, originals: int) -> tuple[ScreenRows, NDArray[np.bool_]]:
    """Numbers that a few hidden ones explain, some rows in denser places, and jittered copies of some at the end."""
    generator = np.random.default_rng(0)
    hidden = generator.normal(size=(count, HIDDEN)) * np.exp(generator.normal(0, 0.5, (count, 1)))
    table = hidden @ generator.normal(size=(HIDDEN, COLUMNS)) + 0.1 * generator.normal(size=(count, COLUMNS))
    donors = generator.choice(count - copies, originals, replace=False)[np.arange(copies) % originals]
    chosen = generator.random((copies, COLUMNS)) < 0.2
    table[count - copies :] = table[donors] + 0.05 * chosen * generator.normal(size=(copies, COLUMNS))
    ids = tuple(map(str, range(count)))
    labels = generator.integers(0, 2, count)
    labels[count - copies :] = labels[donors]
    contents = tuple(one.encode() for one in ids)
    rows = ScreenRows("tabular", ids, contents, labels, ("no", "yes"), table.astype(np.float32), None)
    return rows, np.arange(count) >= count - copies


def nearest_by_all_pairs(rows: ScreenRows, count: int) -> NDArray[np.bool_]:
    """The later rows of the `count` nearest pairs, on standardised columns."""
    assert rows.features is not None
    scaled = (rows.features - rows.features.mean(axis=0)) / rows.features.std(axis=0)
    search = NearestNeighbors(n_neighbors=17, algorithm="brute", n_jobs=1).fit(scaled)
    distances, places = search.kneighbors(scaled)
    nearest = np.where(places[:, 1] < np.arange(len(scaled)), distances[:, 1], np.inf)
    flagged = np.zeros(len(scaled), dtype=bool)
    flagged[np.argsort(nearest, kind="stable")[:count]] = True
    return flagged


def quality(found: NDArray[np.bool_], bad: NDArray[np.bool_]) -> dict[str, float]:
    precision = float(bad[found].mean()) if found.any() else 0.0
    return {"precision": round(precision, 3), "recall": round(float(found[bad].mean()), 3)}


if __name__ == "__main__":
    main()
