"""A user's project as Python sees it: its root and its `include/` come first on the path."""

import sys
from pathlib import Path


def see_project(root: Path | None = None) -> None:
    """Put `root` (default: the working directory) and `root/include` in front of `sys.path`, once."""
    folder = (root or Path.cwd()).resolve()
    for entry in (str(folder), str(folder / "include")):
        if entry in sys.path:
            sys.path.remove(entry)
        sys.path.insert(0, entry)
