"""Files of this machine, by path."""

import shutil
from pathlib import Path

from assay.errors import SpecError
from assay.sources.landing import FetchedSource, Landing
from assay.spec import PathSource


def fetch_path(source: PathSource, landing: Landing) -> FetchedSource:
    """Copy the files, so that what is hashed is what is parsed. Raises SpecError when there is none."""
    root = Path(source.path).expanduser()
    if root.is_file():
        found, root = [root], root.parent
    else:
        found = sorted(path for path in root.glob(source.files) if path.is_file())
    if not found:
        raise SpecError(
            f"path {source.path!r}: expected files {source.files!r}, found none in {root.absolute()}; "
            "mend `path` or `files` in the spec"
        )
    uri = f"file:{source.path}"
    files = []
    for path in found:
        name = path.relative_to(root).as_posix()
        shutil.copyfile(path, landing.place(name))
        files.append(landing.landed(name, uri if path == Path(source.path) else f"{uri.rstrip('/')}/{name}"))
    return FetchedSource(uri, tuple(files), landing.at)
