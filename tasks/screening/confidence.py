"""Class probabilities made neither too sure nor too unsure, by labels of which some may be wrong.

Raised to a power (temperature scaling, Guo et al. 2017). Wrong labels make the power that foretells the labels best too
small: a model looks unsure where only the labels are. A share of labels at random beside the power explains those, but
explains unusual sound rows as well, so that its power is too large. Rows are judged in between.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Probabilities = NDArray[np.float64]

FITTED_ON = 20_000
BATCH = 65_536
LEAST = 1e-6
LARGEST_POWER = 5.0
BETWEEN = 1 / 3


def tempered(probabilities: "Probabilities", labels: "NDArray[np.int64]", seed: int) -> "Probabilities":
    """(rows, classes) to a power between those fitted without and with labels at random."""
    plain, _ = _fitted(probabilities, labels, seed, with_noise=False)
    alone, _ = _fitted(probabilities, labels, seed, with_noise=True)
    return _raised(probabilities, plain ** (1 - BETWEEN) * alone**BETWEEN, 0.0)


def mixed(probabilities: "Probabilities", labels: "NDArray[np.int64]", seed: int) -> "Probabilities":
    """(rows, classes) to the power, and with the share of labels at random, that foretell the labels best."""
    return _raised(probabilities, *_fitted(probabilities, labels, seed, with_noise=True))


def log_loss(probabilities: "Probabilities", labels: "NDArray[np.int64]") -> float:
    """Mean, in nats."""
    import numpy as np

    return float(-np.log(np.clip(probabilities[np.arange(len(labels)), labels], LEAST, 1)).mean())


def _fitted(
    probabilities: "Probabilities", labels: "NDArray[np.int64]", seed: int, *, with_noise: bool
) -> tuple[float, float]:
    """Power, and share of labels at random."""
    import numpy as np
    from scipy.optimize import minimize

    from tasks.screening.table_classifier import few_of

    sample = few_of(np.arange(len(labels)), FITTED_ON, seed)
    logarithm, known = np.log(np.clip(probabilities[sample], LEAST, 1)), labels[sample]

    def as_meant(point: "NDArray[np.float64]") -> tuple[float, float]:
        power = float(np.clip(np.exp(np.clip(point[0], -5, 5)), 1 / LARGEST_POWER, LARGEST_POWER))
        return power, float(1 / (1 + np.exp(-np.clip(point[1], -12, 3)))) if with_noise else 0.0

    start = np.array([[0.0, -6.0], [0.5, -6.0], [0.0, -2.0]])
    found = minimize(
        lambda point: log_loss(_powers(logarithm, *as_meant(point)), known),
        start[0],
        method="Nelder-Mead",
        options={"initial_simplex": start, "maxfev": 60},
    )
    return as_meant(found.x)


def _raised(probabilities: "Probabilities", power: float, noise: float) -> "Probabilities":
    import numpy as np

    result = np.empty(probabilities.shape)
    for start in range(0, len(probabilities), BATCH):
        part = slice(start, start + BATCH)
        result[part] = _powers(np.log(np.clip(probabilities[part], LEAST, 1)), power, noise)
    return result


def _powers(logarithm: "NDArray[np.float64]", power: float, noise: float) -> "Probabilities":
    import numpy as np

    raised = np.exp(power * (logarithm - logarithm.max(axis=1, keepdims=True)))
    raised *= (1 - noise) / raised.sum(axis=1, keepdims=True)
    return np.asarray(raised + noise / raised.shape[1])
