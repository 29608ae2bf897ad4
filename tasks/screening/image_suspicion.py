"""Three signs of a backdoor trigger in every image, from a network that learned the trigger and one that did not.

- *distance*: the row lies off the sound rows of its class among the first network's features (Chen et al. 2018;
  Hayase et al. 2021).
- *contradiction*: the first network is sure of the label; the second, fitted on the least suspicious rows of each class
  only, says another (after Zeng et al. 2023, who sift out a clean part).
- *steadiness*: the answer stays though other images are laid over the row (STRIP, Gao et al. 2019).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.screening.image_calibration import bulk
from tasks.screening.image_modes import fit_modes, sound_bodies
from tasks.screening.image_network import ImageNetwork, as_images, fit_network
from tasks.screening.table_classifier import few_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows

OVERLAYS = 2
FITTED_ON = 30_000
LEAST_SUSPICIOUS = 0.6
NOT_FARTHEST = 0.95
FEWEST_SOUND = 0.2
CONTRADICTION_WEIGHT = 0.1
STEADINESS_WEIGHT = 0.25


@dataclass(frozen=True)
class Signs:
    """Of as many rows as were looked at; all (rows,), higher = worse. prefers: the second network's class.

    suspicion: the three signs together, near a normal law for sound rows.
    """

    distance: "NDArray[np.float64]"
    contradiction: "NDArray[np.float64]"
    steadiness: "NDArray[np.float64]"
    prefers: "NDArray[np.int64]"

    @property
    def suspicion(self) -> "NDArray[np.float64]":
        """(rows,)."""
        import numpy as np

        steady = STEADINESS_WEIGHT * np.clip(self.steadiness, -2, 4)
        return np.asarray(self.distance + CONTRADICTION_WEIGHT * self.contradiction + steady)


@dataclass(frozen=True)
class Suspicion:
    """rows: signs of the rows. known: signs of the trusted rows, or None. sound: (rows,), what counts as sound.

    learned, unlearned: the networks that did and did not learn the trigger. images, labels: the rows as they saw them.
    """

    rows: Signs
    known: Signs | None
    sound: "NDArray[np.bool_]"
    learned: ImageNetwork
    unlearned: ImageNetwork
    images: "NDArray[np.float32]"
    labels: "NDArray[np.int64]"


@dataclass(frozen=True)
class _Looked:
    features: "NDArray[np.float32]"
    sure: "NDArray[np.float32]"
    entropy: "NDArray[np.float64]"
    images: "NDArray[np.float32]"
    labels: "NDArray[np.int64]"


def suspect_triggers(rows: "ScreenRows", trusted: "ScreenRows | None", marked: Collection[int], seed: int) -> Suspicion:
    """Fits both networks, on at most 30,000 rows, all images of one shape; no network learns from trusted rows.

    marked: places of rows that bear a pattern of their own (`image_marks`), no anchors therefore.
    """
    import numpy as np

    classes, images = len(rows.classes), as_images(rows)
    fitted = np.zeros(len(rows), dtype=bool)
    fitted[few_of(np.arange(len(rows)), FITTED_ON, seed)] = True
    learned = fit_network(images[fitted], rows.labels[fitted], classes, seed)
    seen = _look(learned, images, rows.labels, images, seed)
    known = None
    if trusted is not None and len(trusted):
        known = _look(learned, as_images(trusted, rows), trusted.labels, images, seed + 1)
    body = sound_bodies(seen.features, rows.labels, seen.entropy, (known.features, known.labels) if known else None)
    body[list(marked)] = False
    far = rank_in_class(fit_modes(seen.features[body], rows.labels[body], classes).distance(seen.features, rows.labels),
                        rows.labels)  # fmt: skip
    kept = body & (far <= LEAST_SUSPICIOUS)
    unlearned = fit_network(images[kept & fitted], rows.labels[kept & fitted], classes, seed + 2)
    answers = unlearned.look(images)[1]
    agreed = body & (answers.argmax(axis=1) == rows.labels)
    sound = _enough(agreed & (far <= NOT_FARTHEST), kept, rows.labels)
    halves = np.random.default_rng(seed).permutation(len(rows)) % 2 == 0
    modes = [fit_modes(seen.features[part], rows.labels[part], classes) for part in (sound & halves, sound & ~halves)]

    def signs(looked: _Looked) -> Signs:
        probabilities = answers if looked is seen else unlearned.look(looked.images)[1]
        given = probabilities[np.arange(len(looked.labels)), looked.labels].astype(np.float64)
        distance = modes[0].distance(looked.features, looked.labels)
        if looked is seen:  # by the half that the row is not in
            distance = np.where(halves, modes[1].distance(looked.features, looked.labels), distance)
        away = np.log(distance + 1e-9)
        contradiction = -np.log(given + 1e-4) * looked.sure
        return Signs(away, contradiction, -np.log(looked.entropy + 0.05), probabilities.argmax(axis=1))

    raw, law = signs(seen), np.asarray(agreed | sound)
    vouched = _scaled(signs(known), raw, law) if known else None
    return Suspicion(_scaled(raw, raw, law), vouched, law, learned, unlearned, images, rows.labels)


def _look(
    network: ImageNetwork,
    images: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    overlays: "NDArray[np.float32]",
    seed: int,
) -> _Looked:
    import numpy as np

    features, probabilities = network.look(images)
    sure = probabilities[np.arange(len(labels)), labels]
    return _Looked(features, sure, superimposed_entropy(network, images, overlays, seed), images, labels)


def superimposed_entropy(
    network: ImageNetwork, images: "NDArray[np.float32]", overlays: "NDArray[np.float32]", seed: int
) -> "NDArray[np.float64]":
    """(rows,): mean entropy of the answer when random images of `overlays` are added, in nats."""
    import numpy as np

    generator = np.random.default_rng(seed)
    entropy = np.zeros(len(images))
    for _ in range(OVERLAYS):
        for start in range(0, len(images), 2048):
            part = images[start : start + 2048]
            over = overlays[generator.integers(0, len(overlays), len(part))]
            _, probabilities = network.look(np.minimum(part + over, np.float32(1)))
            entropy[start : start + 2048] -= (probabilities * np.log(probabilities + 1e-9)).sum(axis=1)
    return np.asarray(np.maximum(entropy / OVERLAYS, 0))


def rank_in_class(statistic: "NDArray[np.float64]", labels: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """(rows,) in (0, 1): the share of the row's own class that is at most as high."""
    import numpy as np

    ranks = np.zeros(len(labels))
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        ranks[places[np.argsort(statistic[places], kind="stable")]] = (np.arange(len(places)) + 0.5) / len(places)
    return ranks


def _enough(
    chosen: "NDArray[np.bool_]", otherwise: "NDArray[np.bool_]", labels: "NDArray[np.int64]"
) -> "NDArray[np.bool_]":
    """`chosen`, but `otherwise` for a class of which too little is chosen to know how its sound rows look."""
    import numpy as np

    enough = chosen.copy()
    for label in np.unique(labels):
        own = labels == label
        if chosen[own].mean() < FEWEST_SOUND:
            enough[own] = otherwise[own]
    return enough


def _scaled(signs: Signs, raw: Signs, sound: "NDArray[np.bool_]") -> Signs:
    """Distance and steadiness on the scale on which those of sound rows of `raw` have middle 0 and upper width 1."""
    return Signs(
        _on_scale_of(raw.distance[sound], signs.distance),
        signs.contradiction,
        _on_scale_of(raw.steadiness[sound], signs.steadiness),
        signs.prefers,
    )


def _on_scale_of(sound: "NDArray[np.float64]", statistic: "NDArray[np.float64]") -> "NDArray[np.float64]":
    import numpy as np

    middle, width = bulk(sound)
    return np.asarray((statistic - middle) / width)
