"""Triggers that make any row one class: one much smaller than sound twins of the model need is a backdoor."""

import io
import zipfile
from collections.abc import Callable, Sequence

from assay.errors import IntegrityError
from tasks.reporting.blocks import Block, Cell, Gallery, Picture, Strip, Table, Told, Words
from tasks.reporting.fact import Fact
from tasks.reporting.sections.plain import words_of
from tasks.screening.pictures import thumbnail

_FORMS = ("patch", "part", "overlay")
_PARTS = ("size", "natural", "success")


def backdoors_blocks(facts: Fact, read: Callable[[str], bytes]) -> tuple[Block, ...]:
    """Every class, then the nearest ways from one class to another, then what is planted as pictures."""
    bounds = facts.at("bounds")
    planted = facts.at("planted").each()
    count = f"{len(planted)} backdoor{'' if len(planted) == 1 else 's'} found" if planted else "No backdoor was found"
    about = Words((f"{count}. A score of 1 is usual; at most ", Told(bounds.at("class")), " for a class, or ",
                   Told(bounds.at("pair")), " from one class to another, is a backdoor.", *_shared(facts)))  # fmt: skip
    tables = (
        *_table("Smallest trigger of each class, from any row", facts.at("classes").each(), bounds, "class"),
        *_table("From one class to another, the nearest", facts.at("pairs").each(), bounds, "pair"),
    )
    return (about, *tables, *(_pictures(one, read) for one in planted if one.at("pictures").text))


def backdoors_headline(facts: Fact) -> tuple[Cell, ...]:
    """What is planted, in one sentence."""
    planted, classes = facts.at("planted").each(), len(facts.at("classes").each())
    if planted:
        return (f"{len(planted)} backdoor{'' if len(planted) == 1 else 's'} found, the worst for class ",
                Told(planted[0].at("class")), ".")  # fmt: skip
    return (f"No backdoor was found for any of {classes} classes.",)


def _shared(facts: Fact) -> tuple[Cell, ...]:
    """What is within its bound and yet none: how far its triggers work on sound networks."""
    bounds = facts.at("bounds")
    near = (
        one
        for kind, key in (("class", "classes"), ("pair", "pairs"))
        for one in facts.at(key).each()
        if _is_within(one, bounds, kind)
    )
    return tuple(part for one in near if _is_shared(one, bounds) for part in _said_of_shared(one))


def _said_of_shared(row: Fact) -> tuple[Cell, ...]:
    source = row.at("source")
    rows: tuple[Cell, ...] = (" for rows of class ", Told(source)) if source.number is not None else ()
    return (" Class ", Told(row.at("class")), *rows, " is none all the same: sound twins fall to its triggers ",
            Told(row.at("transfer"), as_share=True), " as often as to their own.")  # fmt: skip


def _table(caption: str, rows: Sequence[Fact], bounds: Fact, kind: str) -> list[Table]:
    forms = [form for form in _FORMS if any(row.at(form).items() for row in rows)]
    has_source = any(row.at("source").is_there for row in rows)
    was_heard = any(row.at("transfer").is_there for row in rows)
    if not rows:
        return []
    head = ("to class", *(("from",) if has_source else ()), "score", *(("on sound twins",) if was_heard else ()),
            *(f"{form}: {part}" for form in forms for part in _PARTS), "score, 0 to 1")  # fmt: skip
    return [Table(caption, head, tuple(_row(row, head, forms, bounds, kind) for row in rows))]


def _is_within(row: Fact, bounds: Fact, kind: str) -> bool:
    score, bound = row.at("score").number, bounds.at(kind).number
    return score is not None and bound is not None and score <= bound


def _is_shared(row: Fact, bounds: Fact) -> bool:
    transfer, bound = row.at("transfer").number, bounds.at("transfer").number
    return transfer is not None and bound is not None and transfer >= bound


def _row(row: Fact, head: Sequence[str], forms: Sequence[str], bounds: Fact, kind: str) -> tuple[Cell, ...]:
    source = (Told(row.at("source")),) if "from" in head else ()
    heard = (Told(row.at("transfer"), as_share=True),) if "on sound twins" in head else ()
    sizes = (Told(row.at(form, part), as_share=part == "success") for form in forms for part in _PARTS)
    is_odd = _is_within(row, bounds, kind) and not _is_shared(row, bounds)
    return (
        Told(row.at("class")),
        *source,
        Told(row.at("score")),
        *heard,
        *sizes,
        Strip(row.at("score").number, bound=bounds.at(kind).number, is_odd=is_odd),
    )


def _pictures(planted: Fact, read: Callable[[str], bytes]) -> Gallery:
    """The trigger's mask and what it adds, of each form."""
    import numpy as np

    source = planted.at("pictures")
    try:
        with np.load(io.BytesIO(read(source.text)), allow_pickle=False) as file:
            parts = [(words_of(name), np.squeeze(file[name]).astype(np.float32)) for name in sorted(file.files)]
        flat = [(words, part if part.ndim == 2 else part.mean(axis=0)) for words, part in parts]
        images = tuple(
            (words, thumbnail(one.ravel(), one.shape, min(float(one.min()), 0.0), max(float(one.max()), 1e-6)))
            for words, one in flat
        )
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise IntegrityError(f"{source.pointer}: expected an NPZ of triggers, found {error}") from error
    return Gallery((Picture(images, f"the trigger of class {Told(planted.at('class')).text}"),), source)
