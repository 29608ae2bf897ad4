"""The effective spec in words: every key with its value, whether you or Assay chose it, and what it means."""

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from assay.spec import PipelineSpec

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
        note = "; ".join(word for word in (mark, meaning) if word)
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
    return inspect.cleandoc(model.__dict__.get("__doc__") or "").split("\n", maxsplit=1)[0]
