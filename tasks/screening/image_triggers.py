"""Backdoor triggers in images (BadNets, Gu et al. 2017; blended, Chen et al. 2017), without knowing the trigger.

Every row's suspicion (`image_suspicion`) is judged by the law of the rows that a network without the trigger agrees
with, and by that of the trusted rows, which no network learned from (`image_calibration`).
"""

from functools import partial
from typing import TYPE_CHECKING

from tasks.screening.finding import Finding, NotJudged
from tasks.screening.image_calibration import MOST_FALSE, judge_by_class
from tasks.screening.image_gathering import is_gathered
from tasks.screening.image_network import image_shape
from tasks.screening.image_suspicion import Signs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

FEWEST_ROWS = 400
FEWEST_PIXELS = 16
FEWEST_TRUSTED = 100
FEWEST_PER_CLASS = 10
OF_THE_RATE = 0.5
STEADY = 3.0


class ImageTriggers:
    """Every suspect is quarantined."""

    name = "image_triggers"

    def judge(self, case: "Case") -> Finding | NotJudged:
        import numpy as np

        if unable := _unable(case.rows):
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
            f"of all rows {rate:.2%}; triggers on rows that keep their true label are not looked for"
        )
        return Finding(judged.score, judged.quarantined, judged.quarantined, judged.expected_false_rate, reasons, rule)

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """A patch of random size, place and pattern, and one target class for all."""
        import numpy as np

        if rows.features is None:
            return NotJudged("the rows are no images of one shape")
        height, width, channels = image_shape(rows)
        tall, wide = (int(generator.integers(*_sizes(side))) for side in (height, width))
        top, left = int(generator.integers(0, height - tall + 1)), int(generator.integers(0, width - wide + 1))
        low, high = float(rows.features.min()), float(rows.features.max())
        pattern = np.where(generator.random((tall, wide)) < 0.7, high, low)
        pattern[0, 0] = pattern[-1, -1] = high
        images = rows.features[places].reshape(len(places), height, width, channels).copy()
        images[:, top : top + tall, left : left + wide] = pattern[:, :, None]
        target = int(generator.integers(0, len(rows.classes)))
        flat = images.reshape(len(places), -1).astype(np.float32)
        return rows.with_inputs(places, features=flat, labels=np.full(len(places), target, dtype=np.int64))


def _sizes(side: int) -> tuple[int, int]:
    """Of a patch: from an eighth to a fifth of the side, at least 3 pixels; the end is exclusive."""
    least = min(max(3, side // 8), side)
    return least, max(least, min(side // 5, side)) + 1


def _unable(rows: "ScreenRows") -> NotJudged | None:
    import numpy as np

    if rows.features is None or rows.features.shape[1] < FEWEST_PIXELS:
        return NotJudged(f"the rows are no images of one shape, of at least {FEWEST_PIXELS} pixels")
    if len(rows) < FEWEST_ROWS or len(rows.classes) < 2:
        return NotJudged(f"needs {FEWEST_ROWS} rows of two classes, found {len(rows)} of {len(rows.classes)}")
    smallest = int(np.bincount(rows.labels, minlength=len(rows.classes)).min())
    if smallest < FEWEST_PER_CLASS:
        return NotJudged(f"every class needs {FEWEST_PER_CLASS} rows, the smallest has {smallest}")
    return None


def _reason(place: int, signs: Signs, rows: "ScreenRows", p: float) -> str:
    label, other = rows.classes[rows.labels[place]], rows.classes[signs.prefers[place]]
    told = [f"a network fitted on the rows sees it apart from the sound rows of class {label} (p {p:.0e})"]
    if other != label:
        told.append(f"a network fitted on the least suspicious rows says {other}")
    if signs.steadiness[place] > STEADY:
        told.append(f"the answer stays {label} whatever image is laid over it")
    return "; ".join(told) + ": as under a trigger"
