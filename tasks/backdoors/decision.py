"""When is a trigger too small to be natural? Sizes are held against the other classes', and against sound twins'.

A class's score is the geometric mean of four quotients, of the patch and of the overlay: its size over the median of
the other classes, once as it is and once over the size for the same class in the twins; 1 is usual. A backdoor for rows
of one class alone shows in the sizes from class to class, freed of what source and target explain (median polish, Tukey
1977), held against the twins' and against the way back; and in the size of a patch that keeps to one place.

In a sound network one class, or one way, may be half as far as in its twins by chance. What moves rows there is still
of the data, so that it moves the twins' rows too; a planted trigger means nothing to them. What is within the bound is
therefore held to be natural where its triggers transfer, unless it is nearer than chance makes it.

The bounds were fixed on the bank `calibration` of `benchmarks/bench_backdoors.py` and judged on its bank `test`, with
other layers, places and targets: what came of it is in docs/adr/0018.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Sizes = NDArray[np.float64]

CLASS_BOUND = 0.53
PAIR_BOUND = 0.53
CHANCE_BOUND = 0.30
TRANSFER_BOUND = 0.35
LEAST_SUCCESS = 0.5
FEWEST_CLASSES = 4
_POLISHING_ROUNDS = 20


def quotients(sizes: "Sizes") -> "Sizes":
    """(classes,): each size over the median of the other classes'. Needs two classes."""
    import numpy as np

    others = [np.median(np.delete(sizes, place)) for place in range(len(sizes))]
    return np.asarray(sizes / np.array(others))


def class_scores(sizes: "Sizes", natural: "Sizes") -> "Sizes":
    """(classes,) of (forms, classes) sizes, the model's and the twins'; at most CLASS_BOUND is no natural weakness."""
    import numpy as np

    logs = [np.log(quotients(own)) + np.log(quotients(own / twin)) for own, twin in zip(sizes, natural, strict=True)]
    return np.asarray(np.exp(np.mean(logs, axis=0) / 2))


def table_scores(sizes: "Sizes", natural: "Sizes") -> "Sizes":
    """(classes, classes) from source to target: what row, column, twins and way back leave unexplained; NaN: not known.

    A natural closeness, four and nine, works both ways and in both models; a planted one only one way in one of them.
    """
    import numpy as np

    own, against_twin = _polished(np.log(sizes)), _polished(np.log(sizes) - np.log(natural))
    return np.asarray(np.exp((against_twin + own - own.T) / 2))


def pair_score(table: float, part: float, natural_part: float) -> float:
    """Geometric mean of a way's score in the table and of its part's size over the twins'."""
    return float((table * part / natural_part) ** 0.5)


def is_to_be_heard(score: float, bound: float) -> bool:
    """Whether the score speaks against a class or way, yet may have come about by chance."""
    return CHANCE_BOUND < score <= bound


def _polished(table: "Sizes") -> "Sizes":
    import numpy as np

    rest = table.copy()
    for _ in range(_POLISHING_ROUNDS):
        rest -= np.nanmedian(rest, axis=0, keepdims=True)
        rest -= np.nanmedian(rest, axis=1, keepdims=True)
    return np.asarray(rest)
