"""How many sound rows one expects among those whose label a model finds so improbable.

A calibrated model says how often a sound row has an improbable label: classes that overlap explain such rows. But a
model fitted on wrong labels has learned how often labels are wrong, as a floor that every row's every class keeps:
that share of a probability is noise and explains no sound row. The floor of a class is what nine in ten rows of other
classes exceed; where one class is often taken for another, twice what nine in ten rows that look like the one exceed.
With several classes, a row has a floor of its own too, twice the median of all but its highest probability.
Classes of which the model recognises less than half have none, nor do floors above a quarter count: where a model
cannot tell classes apart, an improbable label is no surprise.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXCEEDED_BY = 0.9
SPREAD = 2.0
FEWEST_ROWS = 30
FEWEST_CLASSES = 4
LEAST_SHARE = 0.1
MOST_NOISE = 0.25


@dataclass(frozen=True)
class LabelNoise:
    """given: (rows,), the label's probability. expected_sound: how many sound rows have labels as improbable.

    expected_false_rate: (rows,), their share among all rows with labels as improbable, made monotone.
    Improbable is meant above the floor, and a tenth of what lies below it.
    """

    given: "NDArray[np.float64]"
    expected_sound: "NDArray[np.float64]"
    expected_false_rate: "NDArray[np.float64]"


def judge_labels(probabilities: "NDArray[np.float64]", labels: "NDArray[np.int64]") -> LabelNoise:
    """probabilities: (rows, classes), out of fold and calibrated to the labels as they are."""
    import numpy as np

    rows = np.arange(len(labels))
    noise = _floor_by_look(probabilities, labels)
    noise[rows, probabilities.argmax(axis=1)] = 0
    above = np.maximum(probabilities - noise, 0) + LEAST_SHARE * probabilities
    flat, sound = above.ravel(), _sound(probabilities, noise).ravel()
    order = np.argsort(flat, kind="stable")
    summed = np.cumsum(sound[order])
    ranked = np.argsort(above[rows, labels], kind="stable")
    expected = summed[np.searchsorted(flat[order], above[rows, labels][ranked], side="right") - 1]
    rate = np.minimum(expected / (rows + 1), 1.0)
    expected_sound, expected_false_rate = np.empty(len(rows)), np.empty(len(rows))
    expected_sound[ranked] = expected
    expected_false_rate[ranked] = np.minimum.accumulate(rate[::-1])[::-1]
    return LabelNoise(probabilities[rows, labels], expected_sound, expected_false_rate)


def _sound(probabilities: "NDArray[np.float64]", noise: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """(rows, classes): what is left of the probabilities without noise and without the row's own floor."""
    import numpy as np

    if probabilities.shape[1] >= FEWEST_CLASSES:
        own = SPREAD * np.median(np.sort(probabilities, axis=1)[:, :-1], axis=1)[:, None]
        noise = np.where(noise > 0, np.maximum(noise, own), 0.0)
    return np.maximum(probabilities - noise, 0)


def _floor_by_look(probabilities: "NDArray[np.float64]", labels: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """(rows, classes): the floors of rows of the class that each row looks like."""
    import numpy as np

    preferred = probabilities.argmax(axis=1)
    floors = np.tile(_floor(probabilities, labels), (probabilities.shape[1], 1))
    for code in range(len(floors)):
        alike = probabilities[preferred == code]
        if len(alike) >= FEWEST_ROWS:
            own = SPREAD * np.quantile(alike, 1 - EXCEEDED_BY, axis=0)
            floors[code] = np.where(floors[code] > 0, np.maximum(floors[code], own), 0.0)
    return np.asarray(np.where(floors <= MOST_NOISE, floors, 0.0)[preferred])


def _floor(probabilities: "NDArray[np.float64]", labels: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """(classes,)"""
    import numpy as np

    preferred = probabilities.argmax(axis=1)
    floor = np.zeros(probabilities.shape[1])
    for code in range(len(floor)):
        own, elsewhere = preferred[labels == code], probabilities[preferred != code, code]
        if len(elsewhere) and (own == code).sum() > len(own) / 2:
            floor[code] = np.quantile(elsewhere, 1 - EXCEEDED_BY)
    return floor
