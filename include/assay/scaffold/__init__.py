"""Write a new pipeline: spec, collector, loader, model and their test; never over what is there already."""

import keyword
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from assay.errors import SpecError
from assay.module_source import find_module

Kind = Literal["image", "tabular", "text"]
KINDS: tuple[Kind, ...] = ("image", "tabular", "text")


@dataclass(frozen=True)
class NewFile:
    """path: relative to the project's root."""

    path: Path
    text: str


def plan_pipeline(name: str, kind: Kind, root: Path) -> list[NewFile]:
    """The files of a new pipeline in the project at `root`. Raises SpecError when one exists or the name is bad."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) or keyword.iskeyword(name):
        raise SpecError(
            f"{name!r} cannot name a pipeline: expected lower-case letters, digits and _, beginning with a letter, "
            "and no Python keyword; choose another name"
        )
    planned = [
        NewFile(Path(f"include/pipelines/{name}.yaml"), _filled(f"{kind}_spec.yaml.txt", name)),
        NewFile(Path(f"include/models/{name}.py"), _filled(f"{kind}_model.py.txt", name)),
        NewFile(Path(f"tests/models/test_{name}.py"), _filled(f"{kind}_test.py.txt", name)),
    ]
    taken = [str(file.path) for file in planned if (root / file.path).exists()]
    if taken:
        raise SpecError(f"{', '.join(taken)} already there; nothing was written: choose another name or move them away")
    return [*planned, *_project_files(root)]


def write_files(planned: list[NewFile], root: Path) -> None:
    """Write every file; a file that appeared since planning is never overwritten. Raises SpecError then."""
    for file in planned:
        target = root / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("x", encoding="utf-8") as stream:
                stream.write(file.text)
        except FileExistsError as error:
            raise SpecError(f"{file.path} appeared meanwhile; look at it, then try again") from error


def _project_files(root: Path) -> list[NewFile]:
    """What a fresh folder lacks for `models.NAME` to be importable."""
    lacking = []
    package = root / "include/models/__init__.py"
    if not package.exists():
        lacking.append(NewFile(package.relative_to(root), '"""User models, one module a pipeline."""\n'))
    # In Assay's own repository `include/` is on the path already; elsewhere pytest needs to be told.
    if not (root / "pyproject.toml").exists() and find_module("models") != package.resolve():
        lacking.append(NewFile(Path("pyproject.toml"), _filled("pyproject.toml.txt", "")))
    return lacking


def _filled(template: str, name: str) -> str:
    text = files(__package__).joinpath(template).read_text(encoding="utf-8")
    return text.replace("__CLASS__", "".join(part.capitalize() for part in name.split("_"))).replace("__NAME__", name)
