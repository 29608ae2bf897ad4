"""docs/reference/spec.md from the types: every key, its type, default and meaning. `python -m assay.spec_reference`."""

import inspect
import json
import sys
from collections.abc import Iterator
from typing import get_args, get_origin

from pydantic import BaseModel

from assay.spec import PipelineSpec
from assay.spec_shape import choices, is_model, members, strip

_WORDS = {"str": "text", "int": "integer", "float": "number", "bool": "true or false"}


def reference() -> str:
    """docs/reference/spec.md: every key, its type, default and meaning, from the types themselves."""
    lines = [
        "# Pipeline spec",
        "",
        "`include/pipelines/NAME.yaml`. Four keys suffice (`name`, `data.collector`, `train.model`, and a loader when",
        "the collector's kind does not say it); every default is the safe choice. `assay check --explain` shows a",
        "spec with its defaults. Unknown keys are refused. This page is generated from the types.",
        "",
    ]
    seen: set[type[BaseModel]] = set()
    queue: list[tuple[str, type[BaseModel]]] = [("", PipelineSpec)]
    while queue:
        path, model = queue.pop(0)
        if model in seen:
            continue
        seen.add(model)
        lines += _table(path, model)
        for name, field in model.model_fields.items():
            for below in _models_in(field.rebuild_annotation()):
                queue.append((f"{path}.{name}".strip("."), below))
    return "\n".join(lines)


def _table(path: str, model: type[BaseModel]) -> list[str]:
    source = model.model_fields.get("source")
    title = f"`{path}`" if path else "Top level"
    if source is not None:
        title += f", source {' or '.join(f'`{word}`' for word in choices(source.rebuild_annotation()))}"
    elif path == "gate":
        title += f", {model.__name__}"
    lines = [f"## {title}", ""]
    if model.__dict__.get("__doc__"):
        lines += [inspect.cleandoc(model.__dict__["__doc__"]), ""]
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        value = field.get_default(call_default_factory=True)
        default = "**required**" if field.is_required() else f"`{_default(value)}`"
        shape = _type_words(field.rebuild_annotation())
        lines.append(f"| `{name}` | {shape} | {default} | {field.description or ''} |")
    return [*lines, ""]


def _default(value: object) -> str:
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, list) and value and isinstance(value[0], BaseModel):
        return json.dumps([item.model_dump(exclude_unset=True) for item in value])
    return json.dumps(value)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    for member in members(annotation):
        if is_model(member):
            yield member
        else:
            for argument in get_args(strip(member)):
                yield from _models_in(argument) if not isinstance(argument, str) else ()


def _type_words(annotation: object) -> str:
    words = []
    has_choices = bool(choices(annotation))
    for member in members(annotation):
        if is_model(member):
            words.append("keys below")
        elif get_origin(member) in (list, dict):
            inner = _type_words(get_args(member)[-1])
            words.append(f"{'list' if get_origin(member) is list else 'keys'} of {inner}")
        elif member is str and has_choices:
            words.append("a class path `module:Class`")
        elif choices(member):
            words.append(", ".join(f"`{word}`" for word in choices(member)))
        else:
            words.append(_WORDS.get(getattr(member, "__name__", ""), "any value"))
    return " or ".join(dict.fromkeys(words))


if __name__ == "__main__":
    sys.stdout.write(reference())
