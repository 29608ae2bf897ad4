"""Which files a path means and in which form they are, by what the files begin with and by their names."""

import contextlib
import gzip
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from assay.damage import damage_told
from assay.errors import SpecError

Form = Literal["csv", "parquet", "npz", "idx"]

_BY_SUFFIX: dict[str, Form] = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".npz": "npz", ".idx": "idx",
}  # fmt: skip
_COMPRESSED = (".gz", ".bz2")
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class DataFiles:
    """files: in the order of their rows. ignored: files of a folder that are in none of the forms."""

    path: Path
    form: Form
    files: tuple[Path, ...]
    ignored: tuple[str, ...] = ()

    def arrays(self) -> list[str]:
        """The arrays in a NumPy archive."""
        with damage_told(self.files[0].name, "a NumPy archive (.npz)"), zipfile.ZipFile(self.files[0]) as archive:
            return sorted(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))


def find_files(path: Path) -> DataFiles:
    """The dataset at `path`: a file, a folder of files of one form, or IDX pictures beside their labels.

    Raises SpecError when there is none, or in no form or several.
    """
    if path.is_dir():
        return _in_folder(path)
    if not path.is_file():
        raise SpecError(f"{path}: expected a dataset, found no such file or folder; mend the path")
    form = _form(path, is_alone=True)
    if form is None:
        raise SpecError(f"{path.name}: expected Parquet, CSV, NPZ or IDX, found {_told(head_of(path))}; convert it")
    return DataFiles(path, form, _idx_pair(path) if form == "idx" else (path,))


def _in_folder(folder: Path) -> DataFiles:
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith((".", "_"))]
    forms = {path: _form(path, is_alone=False) for path in found}
    kinds = sorted({form for form in forms.values() if form})
    if len(kinds) != 1:
        raise SpecError(
            f"{folder}: expected files of one form (Parquet, CSV, NPZ or IDX), found {' and '.join(kinds) or 'none'}; "
            "name a file or a folder of one form"
        )
    files = tuple(path for path, form in forms.items() if form)
    ignored = tuple(str(path.relative_to(folder)) for path, form in forms.items() if not form)
    return DataFiles(folder, kinds[0], files, ignored)


def _form(path: Path, *, is_alone: bool) -> Form | None:
    """By content, else by name. A file among others is CSV only by its name."""
    head, named = head_of(path), _named(path)
    if not head and (named or is_alone):
        raise SpecError(f"{path.name}: expected rows, found an empty file; fetch it again")
    found = _by_content(head, path.name, is_alone=is_alone or named is not None)
    if found is None and named in (None, "csv") and (named or is_alone) and _is_text(head):
        return "csv"
    if named and found is None:
        raise SpecError(f"{path.name}: expected {named} by its name, found {_told(head)}; mend or rename it")
    return found


def _named(path: Path) -> Form | None:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _COMPRESSED]
    return _BY_SUFFIX.get(suffixes[-1]) if suffixes else None


def _by_content(head: bytes, name: str, *, is_alone: bool) -> Form | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return "npz"
    if head.startswith(b"\0\0") and len(head) >= 4 and 1 <= head[3] <= 4:
        return "idx"
    if is_alone and head.startswith(b"\x93NUMPY"):
        raise SpecError(f"{name}: expected images and labels, found one array; save both in one file by `numpy.savez`")
    if is_alone and head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        raise SpecError(f"{name}: found a pickle, which runs code when it is read; save the rows as Parquet or NPZ")
    return None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Its content, unpacked where it is compressed, and the file as it is stored. Raises SpecError for damage."""
    import bz2

    try:
        with path.open("rb") as stored:
            is_gzip = stored.read(2) == b"\x1f\x8b"
            stored.seek(0)
            if is_gzip:
                with damage_told(path.name, "a compressed file"), gzip.open(stored) as unpacked:
                    yield cast("IO[bytes]", unpacked), stored
            elif path.suffix.lower() == ".bz2":
                with damage_told(path.name, "a compressed file"), bz2.open(stored) as unpacked:
                    yield cast("IO[bytes]", unpacked), stored
            else:
                yield stored, stored
    except OSError as error:
        raise SpecError(
            f"{path}: cannot be read: {error.strerror or error}; mend its permissions or fetch it again"
        ) from error


def head_of(path: Path) -> bytes:
    """The first bytes of its content."""
    with opened(path) as (content, _):
        return content.read(_HEAD_BYTES)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # else a character cut in two by the end of the piece
            return False
        text = head[: error.start].decode()
    return "\0" not in text


def _told(head: bytes) -> str:
    return f"a file that begins with {head[:8]!r}"


def _idx_pair(path: Path) -> tuple[Path, ...]:
    rank = head_of(path)[3]
    if rank < 2:
        raise SpecError(f"{path.name}: expected pictures, found labels; give the pictures' file or the folder")
    partner = path.with_name(path.name.replace("images", "labels").replace(f"idx{rank}", "idx1"))
    return (path, partner) if partner != path and partner.is_file() else (path,)
