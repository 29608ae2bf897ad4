"""MNIST as arrays, fetched and held against its checksums by the sources of the `mnist` pipeline."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from assay.settings import Settings
from assay.sources.fetch import fetch_sources
from assay.sources.landing import Landing
from assay.spec_file import load_spec


def read_mnist(part: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """part: "train" (60,000) or "t10k" (10,000). Images (rows, 28, 28) in [0, 1]; labels 0 to 9."""
    spec = load_spec(Path(__file__).parents[1] / "include" / "pipelines" / "mnist.yaml")
    with TemporaryDirectory() as folder:
        landed, archives = Path(folder, "landed"), Path(folder, "archives")
        landed.mkdir()
        archives.mkdir()
        fetch_sources(spec.data.collector.sources, Landing(landed, archives, datetime.now(UTC)), Settings())
        images = np.frombuffer(_only(landed, f"{part}-images*").read_bytes(), np.uint8, offset=16)
        labels = np.frombuffer(_only(landed, f"{part}-labels*").read_bytes(), np.uint8, offset=8)
    return (images.reshape(-1, 28, 28) / np.float32(255)).astype(np.float32), labels.astype(np.int64)


def _only(folder: Path, pattern: str) -> Path:
    (path,) = folder.rglob(pattern)
    return path
