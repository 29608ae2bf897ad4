"""Each corruption does what its name says: more with severity, the same for the same seed, inside the box."""

import numpy as np
import pytest
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from tasks.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupt


@pytest.fixture(scope="module", params=[(1, 28, 28), (3, 32, 32), (1, 9, 17)], ids=["grey", "colour", "odd"])
def images(request: pytest.FixtureRequest) -> np.ndarray:
    """Digits, enlarged and cut to the shape."""
    channels, height, width = request.param
    digits = (load_digits().images[:24] / 16).astype(np.float32)
    large = zoom(digits, (1, 4.5, 4.5), order=1)[:, :height, :width]
    return np.stack([large * (1 - 0.2 * channel) for channel in range(channels)], axis=1)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_grows_and_stays_an_image(name: str, images: np.ndarray) -> None:
    made = [corrupt(images, name, severity, seed=1) for severity in SEVERITIES]
    for one in made:
        assert one.shape == images.shape
        assert one.dtype == np.float32
        assert one.min() >= 0
        assert one.max() <= 1
    away = [float(np.abs(one - images).mean()) for one in made]
    assert away[0] > 0
    assert away[4] > 1.1 * away[0]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_seed_decides(name: str, images: np.ndarray) -> None:
    assert (corrupt(images, name, 3, seed=1) == corrupt(images, name, 3, seed=1)).all()


def test_an_unknown_corruption_is_refused(images: np.ndarray) -> None:
    with pytest.raises(KeyError):
        corrupt(images, "hail", 1, seed=0)
