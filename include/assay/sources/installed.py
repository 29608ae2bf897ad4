"""Data files of a Python distribution that is installed here, held against the checksums it was installed with."""

import base64
import importlib.metadata
import shutil
from pathlib import Path

from assay.errors import IntegrityError, SpecError
from assay.sources.landing import FetchedFile, FetchedSource, Landing, checksums_of, matching
from assay.spec import PackageSource


def fetch_installed(source: PackageSource, landing: Landing) -> FetchedSource:
    """Copy the files that `files` picks from the distribution's own list.

    Raises SpecError when the distribution or the file is not there or has another version than asked for,
    IntegrityError when a file is not the one that was installed.
    """
    try:
        distribution = importlib.metadata.distribution(source.package)
    except importlib.metadata.PackageNotFoundError as error:
        raise SpecError(f"installed {source.package!r}: no such distribution; install it or mend `package`") from error
    name, version = distribution.name, distribution.version
    if source.version and version != source.version:
        raise SpecError(f"installed {name}: expected version {source.version}, found {version}; install that one")
    recorded = {path.as_posix(): path for path in distribution.files or ()}
    chosen = matching(recorded, source.files, f"installed {name} {version}")
    known = checksums_of(source.sha256, chosen, f"installed {name}")
    uri = f"pkg:pypi/{name}@{version}"
    files = [_copy(recorded[path], f"{uri}#{path}", known.get(path, ""), landing) for path in chosen]
    return FetchedSource(uri, tuple(files), landing.at, package=name, version=version)


def _copy(path: importlib.metadata.PackagePath, uri: str, expected: str, landing: Landing) -> FetchedFile:
    name = path.as_posix()
    shutil.copyfile(Path(str(path.locate())), landing.place(name))
    file = landing.landed(name, uri, expected)
    if path.hash is not None and path.hash.mode == "sha256":
        installed = base64.urlsafe_b64decode(path.hash.value + "=" * (-len(path.hash.value) % 4)).hex()
        if file.sha256 != installed:
            raise IntegrityError(
                f"{uri}: installed as sha256 {installed}, found {file.sha256}; the file was changed: "
                "reinstall the package"
            )
    return file
