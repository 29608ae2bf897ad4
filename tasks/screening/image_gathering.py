"""Whether the accused rows of a class are a trigger's, and not an odd kind of sound rows.

Either they look like most of the other classes, out of which a trigger pulls its rows, and by more than wrong labels
do, which are everywhere. Or they share a pattern that changes answers: what they have beyond the class they look like,
laid over sound rows, changes the answers of the network that learned the trigger, and not of the one that did not. An
odd kind of sound rows changes both or none.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.image_suspicion import Suspicion

MOST_OTHERS = 0.6
FEWEST_CLASSES = 4
LEAST_CARRIED = 0.4
LAID_OVER = 300


def is_gathered(found: "Suspicion", accused: "NDArray[np.int64]", usual: float) -> bool:
    """accused: places of rows, all of one class. usual: how many there are in a class where nothing is special."""
    return looks_like_most(found, accused, usual) or carried_share(found, accused) >= LEAST_CARRIED


def looks_like_most(found: "Suspicion", accused: "NDArray[np.int64]", usual: float = 0.0) -> bool:
    """By the effective number (Hill 1973) of the classes that the rows beyond the usual ones look like."""
    import numpy as np

    classes, label = int(found.labels.max()) + 1, found.labels[accused[0]]
    if classes < FEWEST_CLASSES:
        return False
    alike = np.delete(np.bincount(found.rows.prefers[accused], minlength=classes), label)
    beyond = np.maximum(alike - usual / (classes - 1), 0)
    if beyond.sum() <= alike.sum() / 2:
        return False
    shares = beyond[beyond > 0] / beyond.sum()
    return bool(np.exp(-(shares * np.log(shares)).sum()) >= MOST_OTHERS * (classes - 1))


def carried_share(found: "Suspicion", accused: "NDArray[np.int64]") -> float:
    """In [0, 1]: of sound rows of other classes with the pattern laid over, those it alone changes the answer of."""
    import numpy as np

    labels, images, prefers = found.labels, found.images, found.rows.prefers
    sound = np.flatnonzero(found.sound & (labels != labels[accused[0]]))
    usual = {int(label): images[sound[labels[sound] == label]].mean(axis=0) for label in np.unique(labels[sound])}
    beyond = [images[place] - usual[int(prefers[place])] for place in accused if int(prefers[place]) in usual]
    if not beyond:
        return 0.0
    over = np.random.default_rng(0).permutation(sound)[:LAID_OVER]
    laid = np.clip(images[over] + np.mean(beyond, axis=0), 0, 1).astype(np.float32)
    changed = found.learned.look(laid)[1].argmax(axis=1) != labels[over]
    kept = found.unlearned.look(laid)[1].argmax(axis=1) == labels[over]
    return float((changed & kept).mean())
