"""What a small change of an input does to the answer, by threat model."""

import difflib
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from assay.errors import IntegrityError
from tasks.reporting.blocks import (
    Block,
    Cell,
    Drawing,
    Gallery,
    Part,
    Picture,
    Rewrite,
    Rewrites,
    Terms,
    Told,
    Words,
    interval,
)
from tasks.reporting.curves import Line, axis_of, draw, shares
from tasks.reporting.fact import Fact
from tasks.reporting.sections.clean import matrix
from tasks.reporting.sections.records import Column, record_table
from tasks.screening.pictures import thumbnail
from tasks.screening.shown_rows import clean

if TYPE_CHECKING:
    from numpy.typing import NDArray

Read = Callable[[str], bytes]

_MOST_PICTURES = 12
_MOST_REWRITES = 10
_WORD_LIMIT = 600
_NORMS = {
    "linf": "every value of an input may move by at most {epsilon} of its range",
    "l2": "an input may move by at most {epsilon} in Euclidean distance",
    "words": "at most {epsilon} of a text's words may be rewritten",
    "features": "numbers may move by at most {epsilon} of their column's range, a few columns at once",
}
_ATTACK = (
    Column("name", "attack"),
    Column("robust_accuracy", "rows right after it", as_share=True),
    Column("attacked", "rows attacked"),
    Column("fell", "rows fell"),
    Column("outside", "outside the ball"),
)
_COSTS = ("forward_passes", "backward_passes", "seconds")
_POINT = (Column("epsilon", "epsilon"), Column("robust_accuracy", "rows right", as_share=True))


def evasion_blocks(facts: Fact, read: Read) -> tuple[Block, ...]:
    """One part a threat model."""
    return tuple(Part(threat_words(threat), tuple(_threat(threat, read))) for threat in facts.each())


def evasion_headline(facts: Fact) -> tuple[Cell, ...]:
    """The worst threat model in one sentence."""
    measured = [threat for threat in facts.each() if threat.at("robust_accuracy").number is not None]
    if not measured:
        return ("No threat model could be examined.",)
    worst = min(measured, key=lambda threat: threat.at("robust_accuracy").number or 0.0)
    meaning = _meaning(worst) or threat_words(worst)
    return ("Under attack right on ", Told(worst.at("robust_accuracy"), as_share=True), f", where {meaning}.")


def threat_words(threat: Fact) -> str:
    """`linf 0.1`, as the checks name it."""
    return f"{clean(threat.at('norm').text, 20) or 'threat'} {Told(threat.at('epsilon')).text}"


def _meaning(threat: Fact) -> str:
    """What the attacker may do, in words; "" for a norm that has none here."""
    return _NORMS.get(threat.at("norm").text, "").format(epsilon=Told(threat.at("epsilon")).text)


def _threat(threat: Fact, read: Read) -> list[Block]:
    meaning = _meaning(threat)
    blocks: list[Block] = [Words((f"The attack: {meaning}.",))] if meaning else []
    return [
        *blocks,
        _numbers(threat),
        *record_table("Each attack by itself", threat.at("attacks").each(), _ATTACK, "robust_accuracy", _COSTS),
        *_curve(threat),
        *_confusion(threat.at("confusion")),
        *_examples(threat.at("examples"), read),
    ]


def _numbers(threat: Fact) -> Terms:
    rows: list[tuple[str, Cell]] = [
        ("norm", Told(threat.at("norm"))),
        ("epsilon", Told(threat.at("epsilon"))),
        ("right before the attack", Told(threat.at("clean_accuracy"), as_share=True)),
        ("right after every attack", Told(threat.at("robust_accuracy"), as_share=True)),
    ]
    low, high = threat.at("ci95", 0), threat.at("ci95", 1)
    if low.is_there:
        rows.append(("95 % interval", interval(low, high)))
    onnx = threat.at("robust_accuracy_onnx")
    if onnx.is_there:
        rows.append(("of those attacked rows, right by the served file", Told(onnx, as_share=True)))
    rows += [("rows attacked", Told(threat.at("samples"))), ("suite", Told(threat.at("suite")))]
    return Terms(tuple((name, cell) for name, cell in rows if not isinstance(cell, Told) or cell.fact.is_there))


def _curve(threat: Fact) -> list[Block]:
    points = threat.at("curve").each()
    if not points:
        return []
    line = Line("robust accuracy", tuple((_n(p, "epsilon"), _n(p, "robust_accuracy")) for p in points))
    x = axis_of("strength of the attack (epsilon)", [at for at, _ in line.points])
    bound = threat.at("epsilon").number
    lines = (line,) if bound is None else (line, Line("threat model", ((bound, 0.0), (bound, 1.0)), is_faint=True))
    svg = draw("Rows that stay right by the strength of the attack", lines, x, shares("rows right"))
    return [
        Drawing(svg, "The stronger the attack, the fewer rows stay right."),
        *record_table("Robust accuracy by strength", points, _POINT, strip="robust_accuracy"),
    ]


def _n(fact: Fact, key: str) -> float:
    return fact.at(key).number or 0.0


def _confusion(confusion: Fact) -> list[Block]:
    """One matrix, or one by name."""
    if confusion.each():
        return [matrix("What rows are taken for under attack", confusion)]
    words = {"clean": "Before the attack", "attacked": "Under attack"}
    return [
        matrix(f"{words.get(name, clean(name, 40))}: rows by true class and answered class", one)
        for name, one in sorted(confusion.items(), key=lambda pair: pair[0] != "clean")
        if one.each()
    ]


def _examples(examples: Fact, read: Read) -> list[Block]:
    if examples.text:
        return [_gallery(examples, read)]
    rows = examples.each()[:_MOST_REWRITES]
    if not rows:
        return []
    if all(isinstance(row.at("before").value, str) for row in rows):
        return [Rewrites(tuple(_rewrite(row) for row in rows), tuple(leaf for row in rows for leaf in row.leaves()))]
    return []


def _gallery(examples: Fact, read: Read) -> Gallery:
    """The pictures of one NPZ file: before, after, and what was changed."""
    import zipfile

    import numpy as np

    try:
        with np.load(io.BytesIO(read(examples.text)), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        original, adversarial = (_pictures(arrays[name]) for name in ("original", "adversarial"))
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise IntegrityError(f"{examples.pointer}: expected an NPZ of pictures, found {error}") from error
    count = min(_MOST_PICTURES, len(original))
    return Gallery(tuple(_picture(original[at], adversarial[at], arrays, at) for at in range(count)), examples)


def _pictures(array: "NDArray[Any]") -> "NDArray[Any]":
    """(rows, height, width) or (rows, height, width, 3) in [0, 1], of rows with or without channels in front."""
    import numpy as np

    scaled = array.astype(np.float32) / (255 if array.dtype == np.uint8 else 1)
    if scaled.ndim == 4:
        scaled = np.moveaxis(scaled, 1, -1) if scaled.shape[1] in (1, 3) else scaled
        scaled = scaled[..., 0] if scaled.shape[-1] == 1 else scaled
    if scaled.ndim not in (3, 4):
        raise ValueError(f"arrays of {array.ndim} dimensions")
    return scaled


def _picture(before: "NDArray[Any]", after: "NDArray[Any]", arrays: Mapping[str, "NDArray[Any]"], at: int) -> Picture:
    import numpy as np

    change = after - before
    widest = float(np.abs(change).max()) or 1.0
    images = (
        ("before", thumbnail(before.ravel(), before.shape, 0.0, 1.0)),
        ("after", thumbnail(after.ravel(), after.shape, 0.0, 1.0)),
        ("change", thumbnail((change / widest).ravel(), change.shape, -1.0, 1.0)),
    )
    said = {name: clean(str(arrays[name][at]), 40) for name in ("row_id", "label", "before", "after") if name in arrays}
    caption = f"row {said.get('row_id', at)}, truly {said.get('label', '?')}: answered {said.get('before', '?')}, "
    return Picture(images, caption + f"then {said.get('after', '?')}")


def _rewrite(row: Fact) -> Rewrite:
    before, after = (clean(row.at(name).text, _WORD_LIMIT).split() for name in ("before", "after"))
    steps = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    old = tuple((" ".join(before[a:b]), tag != "equal") for tag, a, b, _, _ in steps if a < b)
    new = tuple((" ".join(after[a:b]), tag != "equal") for tag, _, _, a, b in steps if a < b)
    truly, then = Told(row.at("label")).text, Told(row.at("predicted")).text
    return Rewrite(old, new, f"row {Told(row.at('row_id')).text}, truly {truly}, answered {then} after the change")
