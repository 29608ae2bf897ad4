"""Backdoor triggers in images (BadNets, Gu et al. 2017; blended, Chen et al. 2017), without knowing the trigger.

Every row's suspicion (`image_suspicion`) is judged by the law of the rows that a network without the trigger agrees
with, and by that of the trusted rows, which no network learned from (`image_calibration`).
"""

from functools import partial
from typing import TYPE_CHECKING

from tasks.screening.finding import Finding, NotJudged
from tasks.screening.image_calibration import MOST_FALSE, judge_by_class
from tasks.screening.image_gathering import is_gathered
from tasks.screening.image_network import image_shape, unable_to_see
from tasks.screening.image_suspicion import Signs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

FEWEST_TRUSTED = 100
OF_THE_RATE = 0.5
STEADY = 3.0
DRAWN = 8
LEAST_SPREAD = 0.05


class ImageTriggers:
    """Every suspect is quarantined."""

    name = "image_triggers"
    canary_share = 0.05

    def judge(self, case: "Case") -> Finding | NotJudged:
        import numpy as np

        if unable := unable_to_see(case.rows):
            return unable
        found = case.image_suspicion
        rate = case.false_quarantine_rate * OF_THE_RATE
        statistic = found.rows.suspicion
        known = found.known
        trusted = known.suspicion if known is not None and len(known.distance) >= FEWEST_TRUSTED else None
        judged = judge_by_class(
            statistic, case.rows.labels, statistic[found.sound], trusted, rate, partial(is_gathered, found)
        )
        reasons = {
            int(place): _reason(int(place), found.rows, case.rows, judged.p[place])
            for place in np.flatnonzero(judged.quarantined)
        }
        rule = (
            f"of a class's rows at least as suspicious at most {MOST_FALSE:.0%} are expected to be sound, and "
            f"of all rows {rate:.2%}; triggers on rows that keep their true label are judged by clean_label_triggers"
        )
        return Finding(judged.score, judged.quarantined, judged.quarantined, judged.expected_false_rate, reasons, rule)

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """A patch of random size, place and pattern, and one of the smaller classes as target for all."""
        import numpy as np

        if rows.features is None:
            return NotJudged("the rows are no images of one shape")
        sizes = np.bincount(rows.labels, minlength=len(rows.classes))
        target = int(generator.choice(np.flatnonzero(sizes <= np.median(sizes))))
        labels = np.full(len(places), target, dtype=np.int64)
        return rows.with_inputs(places, with_random_patch(rows, rows.features[places], generator), labels=labels)


def with_random_patch(
    rows: "ScreenRows", features: "NDArray[np.float32]", generator: "np.random.Generator"
) -> "NDArray[np.float32]":
    """features: (n, columns), images like those of `rows`; all get one patch of random size, place and pattern.

    Of eight drawn it is the one least like the images: who misses that one is blind.
    """
    import numpy as np

    height, width, channels = image_shape(rows)
    low, high = float(features.min()), float(features.max())
    usual = features.mean(axis=0).reshape(height, width, channels)
    spread = features.std(axis=0).reshape(height, width, channels) + LEAST_SPREAD * max(high - low, 1e-6)
    drawn: list[tuple[float, NDArray[np.float32], tuple[slice, slice]]] = []
    for _ in range(DRAWN):
        tall, wide = (int(generator.integers(*_sizes(side))) for side in (height, width))
        top, left = int(generator.integers(0, height - tall + 1)), int(generator.integers(0, width - wide + 1))
        pattern = np.where(generator.random((tall, wide, 1)) < 0.7, high, low).astype(np.float32)
        pattern[0, 0] = pattern[-1, -1] = high
        place = (slice(top, top + tall), slice(left, left + wide))
        drawn.append((float((((pattern - usual[place]) / spread[place]) ** 2).sum()), pattern, place))
    _, pattern, (down, across) = max(drawn, key=lambda one: one[0])
    images = features.reshape(len(features), height, width, channels).copy()
    images[:, down, across] = pattern
    return np.asarray(images.reshape(len(features), -1), dtype=np.float32)


def _sizes(side: int) -> tuple[int, int]:
    """Of a patch: from an eighth to a fifth of the side, at least 3 pixels; the end is exclusive."""
    least = min(max(3, side // 8), side)
    return least, max(least, min(side // 5, side)) + 1


def _reason(place: int, signs: Signs, rows: "ScreenRows", p: float) -> str:
    label, other = rows.classes[rows.labels[place]], rows.classes[signs.prefers[place]]
    told = [f"a network fitted on the rows sees it apart from the sound rows of class {label} (p {p:.0e})"]
    if other != label:
        told.append(f"a network fitted on the least suspicious rows says {other}")
    if signs.steadiness[place] > STEADY:
        told.append(f"the answer stays {label} whatever image is laid over it")
    return "; ".join(told) + ": as under a trigger"
