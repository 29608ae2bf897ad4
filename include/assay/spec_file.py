"""Read pipeline specs; whatever is wrong with a file is reported at once, each with line, near-miss and next step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml
from pydantic import ValidationError

from assay.errors import SpecError
from assay.finding import FieldPath, Finding
from assay.json_types import JsonObject
from assay.near_miss import suggestion
from assay.roles import spec_findings
from assay.spec import PipelineSpec
from assay.spec_problems import explain_errors
from assay.spec_yaml import DuplicateKey, duplicate_keys, line_of, parse_yaml, yaml_hint

SUFFIX = ".yaml"


@dataclass(frozen=True)
class SpecProblem:
    """One thing to mend. line: 1-based. field: dotted path such as `train.model` or `gate.0.min`."""

    line: int
    field: str
    message: str
    hint: str

    def to_json(self) -> JsonObject:
        return {"line": self.line, "field": self.field, "message": self.message, "hint": self.hint}

    def text(self, path: Path) -> str:
        """`FILE:LINE: FIELD: MESSAGE; HINT`."""
        where = f"{path}:{self.line}: {self.field}: " if self.field else f"{path}:{self.line}: "
        return where + "; ".join(part for part in (self.message, self.hint) if part)


def load_spec(path: Path, *, check_classes: bool = True) -> PipelineSpec:
    """The spec in `path`, wholly checked. `check_classes` reads (never imports) the classes it names.

    Raises SpecError with one `FILE:LINE: FIELD: MESSAGE; HINT` line a problem.
    """
    spec, problems = read_spec(path, check_classes=check_classes)
    if spec is None or problems:
        raise SpecError("\n".join(problem.text(path) for problem in problems))
    return spec


def spec_errors(path: Path, *, check_classes: bool = True) -> list[SpecProblem]:
    """Everything wrong with the file, in line order; empty when it is sound."""
    return read_spec(path, check_classes=check_classes)[1]


def load_specs(folder: Path, only: Iterable[str] | None = None) -> list[PipelineSpec]:
    """All specs of `folder`, sorted by name; `only` reads just the named ones.

    Raises SpecError with the problems of all files, or when a named spec does not exist.
    """
    specs: list[PipelineSpec] = []
    complaints: list[str] = []
    for path in spec_paths(folder, only):
        spec, problems = read_spec(path)
        complaints.extend(problem.text(path) for problem in problems)
        if spec is not None:
            specs.append(spec)
    if complaints:
        raise SpecError("\n".join(complaints))
    return specs


def spec_paths(folder: Path, only: Iterable[str] | None = None) -> list[Path]:
    """The spec files of `folder`, sorted. Raises SpecError when a name in `only` has no file."""
    existing = {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    if only is None:
        return list(existing.values())
    names = sorted(set(only))
    for name in names:
        if name not in existing:
            raise SpecError(f"{folder / name}{SUFFIX}: no such pipeline; {suggestion(name, existing)}")
    return [existing[name] for name in names]


def read_spec(path: Path, *, check_classes: bool = True) -> tuple[PipelineSpec | None, list[SpecProblem]]:
    """The spec when its shape is right, and every problem. Positions are looked up only when there is one."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return None, [SpecProblem(1, "", f"cannot be read: {error}", "check the path and that the file is UTF-8")]
    try:
        document = parse_yaml(text)
    except DuplicateKey:
        return None, [SpecProblem(line, field, message, hint) for line, field, message, hint in duplicate_keys(text)]
    except yaml.YAMLError as error:
        line, message, hint = yaml_hint(error, text)
        return None, [SpecProblem(line, "", message, hint)]
    return _check(_Document(path, text, document), check_classes)


@dataclass(frozen=True)
class _Document:
    path: Path
    text: str
    content: object

    @cached_property
    def _root(self) -> yaml.Node | None:
        return yaml.compose(self.text, Loader=yaml.SafeLoader)

    def problem(self, finding: Finding) -> SpecProblem:
        field = ".".join(str(part) for part in finding.field)
        return SpecProblem(self._line(finding.field), field, finding.message, finding.hint)

    def _line(self, field: FieldPath) -> int:
        return line_of(self._root, field)


def _check(document: _Document, check_classes: bool) -> tuple[PipelineSpec | None, list[SpecProblem]]:
    content = document.content
    if not isinstance(content, Mapping):
        kind = "nothing" if content is None else f"a {type(content).__name__}"
        hint = f"`assay init {document.path.stem} --kind tabular` writes a complete one"
        return None, [SpecProblem(1, "", f"expected keys such as name, data, train; found {kind}", hint)]
    spec: PipelineSpec | None = None
    try:
        spec = PipelineSpec.model_validate(content)
    except ValidationError as error:
        findings = explain_errors(error, content)
    else:
        findings = spec_findings(spec, check_classes=check_classes)
    is_misnamed = isinstance(content.get("name"), str) and content["name"] != document.path.stem
    if is_misnamed and not any(finding.field == ("name",) for finding in findings):
        message = f"{content['name']!r} is not the file's stem {document.path.stem!r}"
        findings.append(Finding(("name",), message, f"rename the file to {content['name']}{SUFFIX}, or mend the name"))
    problems = sorted((document.problem(finding) for finding in findings), key=lambda p: (p.line, p.field))
    return spec, problems
