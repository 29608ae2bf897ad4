"""The effective spec in words: every key with its value, whether you or Assay chose it, and what it means."""

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from assay.spec import PipelineSpec
from assay.spec_shape import choices, is_model, members, strip

_WIDTH = 46


def explain_spec(spec: PipelineSpec) -> str:
    """YAML-like lines; keys the file does not hold are marked `default`, with their meaning."""
    return "\n".join(_lines(spec, ""))


def _lines(part: BaseModel, indent: str, inherited_default: bool = False) -> Iterator[str]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        is_default = inherited_default or name not in part.model_fields_set
        meaning = field.description or (_meaning(type(value)) if isinstance(value, BaseModel) else "")
        mark = "default" if is_default else ""
        note = ": ".join(word for word in (mark, meaning) if word)
        if isinstance(value, BaseModel):
            yield _line(f"{indent}{name}:", note)
            yield from _lines(value, indent + "  ", is_default)
        elif _holds_models(value):
            yield _line(f"{indent}{name}:", note)
            yield from _items(value, indent + "  ", is_default)
        else:
            yield _line(f"{indent}{name}: {json.dumps(value, ensure_ascii=False)}", note)


def _items(value: object, indent: str, is_default: bool) -> Iterator[str]:
    pairs = value.items() if isinstance(value, Mapping) else [("-", item) for item in value]  # type: ignore[attr-defined]
    for key, item in pairs:
        head = "-" if key == "-" else f"{key}:"
        if isinstance(item, BaseModel):
            yield _line(f"{indent}{head}", _meaning(type(item)))
            yield from _lines(item, indent + "  ", is_default)
        else:
            yield f"{indent}{head} {json.dumps(item, ensure_ascii=False)}"


def _holds_models(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(isinstance(item, BaseModel) for item in value.values())
    return isinstance(value, Sequence) and any(isinstance(item, BaseModel) for item in value)


def _line(text: str, note: str) -> str:
    return f"{text:<{_WIDTH}} # {note}" if note else text


def _meaning(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").split("\n", maxsplit=1)[0] if "__doc__" in vars(model) else ""


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
    if "__doc__" in vars(model) and model.__doc__:
        lines += [inspect.cleandoc(model.__doc__), ""]
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        default = (
            "**required**" if field.is_required() else f"`{_default(field.get_default(call_default_factory=True))}`"
        )
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
    from typing import get_args

    for member in members(annotation):
        if is_model(member):
            yield member
        else:
            for argument in get_args(strip(member)):
                yield from _models_in(argument) if not isinstance(argument, str) else ()


def _type_words(annotation: object) -> str:
    from typing import get_args, get_origin

    words = []
    for member in members(annotation):
        if is_model(member):
            words.append("keys below")
        elif get_origin(member) in (list, dict):
            inner = _type_words(get_args(member)[-1])
            words.append(f"{'list' if get_origin(member) is list else 'keys'} of {inner}")
        elif choices(member):
            words.append(", ".join(f"`{word}`" for word in choices(member)))
        else:
            words.append(
                {"str": "text", "int": "integer", "float": "number", "bool": "true or false"}.get(
                    getattr(member, "__name__", ""), "any value"
                )
            )
    return " or ".join(dict.fromkeys(words))
