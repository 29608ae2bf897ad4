"""Files to screen, and what `assay screen` says of them."""

import json
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

from assay.cli import cli
from assay.errors import SpecError

ROWS = 120
KEYS = {"verdict", "rows", "suspects", "quarantined", "detectors", "seconds", "peak_rss_bytes", "artifacts"}
FILES = {"scores.parquet", "suspects.parquet", "report.html"}


def screen(dataset: Path, out: Path, *words: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, ["screen", str(dataset), "--out", str(out), "--json", *words])


def document(result: click.testing.Result, code: int = 0) -> dict[str, Any]:
    assert result.exit_code == code, (result.exception, result.stderr)
    found: dict[str, Any] = json.loads(result.stdout)
    assert found.keys() >= KEYS
    return found


def refusal(result: click.testing.Result, out: Path) -> str:
    """The words of the one error, once it ends in 2 and nothing is there."""
    assert isinstance(result.exception, SpecError), (result.exit_code, result.exception, result.output)
    assert result.exception.exit_code == 2
    assert not out.exists() and not list(out.parent.glob(f".{out.name}*"))
    return str(result.exception)


def digits(rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    data = load_digits()
    return data.images[:rows].astype(np.uint8), data.target[:rows].astype(np.int64)


def points(rows: int = ROWS, **changed: Any) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    label = np.arange(rows) % 2
    return {"a": generator.normal(size=rows) + 3 * label, "b": generator.normal(size=rows), "label": label, **changed}


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def idx(values: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes()


def text(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
