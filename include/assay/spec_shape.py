"""The shape of the spec as its pydantic types give it: which keys exist where, and which union branch a label means."""

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from assay.finding import FieldPath
from assay.spec import PipelineSpec

Shape = object  # a type annotation


def strip(annotation: Shape) -> Shape:
    """The annotation without Annotated and without `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if is_union(annotation):
        members = [member for member in get_args(annotation) if member is not type(None)]
        if len(members) == 1:
            return strip(members[0])
    return annotation


def is_union(annotation: Shape) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def members(annotation: Shape) -> list[Shape]:
    """What a union may be, without None; the annotation itself when it is no union."""
    plain = strip(annotation)
    if not is_union(plain):
        return [plain]
    return [inner for member in get_args(plain) if member is not type(None) for inner in members(member)]


def is_model(annotation: Shape) -> typing.TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def choices(annotation: Shape) -> list[str]:
    """The words a Literal allows, over all union members."""
    return [str(word) for member in members(annotation) if get_origin(member) is Literal for word in get_args(member)]


def item(annotation: Shape, part: str | int) -> Shape:
    """The annotation below one key or position of a plain (non-union) annotation; None when there is none."""
    plain = strip(annotation)
    if is_model(plain):
        field = plain.model_fields.get(str(part))
        return field.rebuild_annotation() if field else None
    arguments = get_args(plain)
    if get_origin(plain) is list and isinstance(part, int):
        return arguments[0]
    if get_origin(plain) in (dict, Mapping) and len(arguments) == 2:
        return arguments[1]
    return None


def branch(annotation: Shape, label: str) -> Shape:
    """The union member that pydantic's error label (a discriminator's value, or a schema's name) means."""
    for member in members(annotation):
        if is_model(member):
            source = member.model_fields.get("source")
            tags = choices(source.annotation) if source else []
            if label in tags or member.__name__ in label:
                return member
        elif label.startswith("literal[") == (get_origin(member) is Literal) and (
            label.startswith("list[") == (get_origin(member) is list)
        ):
            return member
    return None


def all_fields() -> Iterator[FieldPath]:
    """Every key a spec may hold, from the top; list items have position 0."""
    yield from _fields(PipelineSpec, ())


def _fields(annotation: Shape, path: FieldPath) -> Iterator[FieldPath]:
    for member in members(annotation):
        if is_model(member):
            for name, field in member.model_fields.items():
                yield (*path, name)
                yield from _fields(field.rebuild_annotation(), (*path, name))
        elif get_origin(member) is list:
            yield from _fields(get_args(member)[0], (*path, 0))
