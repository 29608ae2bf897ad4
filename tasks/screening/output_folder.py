"""A folder of results that appears whole or not at all."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from assay.errors import SpecError

RESULTS = ("scores.parquet", "suspects.parquet", "report.html")


def require_free(out: Path, dataset: Path) -> None:
    """Raises SpecError when `out` holds anything but an earlier screen's results, or lies in the dataset."""
    if out.exists() and not out.is_dir():
        raise SpecError(f"--out {out}: expected a folder, found a file; name another")
    found = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    strange = [name for name in found if name not in RESULTS]
    if strange:
        raise SpecError(f"--out {out}: expected an empty or new folder, found {', '.join(strange[:5])}; name another")
    if dataset.is_dir() and out.resolve().is_relative_to(dataset.resolve()):
        raise SpecError(f"--out {out}: lies in the dataset, whose next screen would read it; name a folder outside")


@contextlib.contextmanager
def whole_or_nothing(out: Path) -> Iterator[Path]:
    """A folder beside `out` to write into; it becomes `out` at the end, or is gone after an error."""
    out = out.resolve()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise SpecError(f"--out {out}: cannot be written: {error.strerror or error}; name another folder") from error
    try:
        yield partial
        partial.chmod(0o755)
        if out.is_dir() and any(out.iterdir()):
            earlier = partial.with_name(f"{partial.name}.earlier")
            out.rename(earlier)
            partial.rename(out)
            shutil.rmtree(earlier)
        else:
            partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
