"""Small pictures for a page without a network: images as PNG data URIs, distributions as SVG."""

import base64
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LARGEST_SIDE = 96
_BINS = 40


def thumbnail(values: "NDArray[np.float32]", shape: tuple[int, ...], low: float, high: float) -> str:
    """One image as a data URI. values: (product of shape,), from `low`, black, to `high`, white.

    shape: (height, width) or (height, width, channels); of other than one or three channels the first is shown.
    """
    import numpy as np

    image = values.reshape(shape)
    if image.ndim == 3 and image.shape[2] not in (3, 4):
        image = image[:, :, 0]
    step = max(1, -(-max(image.shape[:2]) // _LARGEST_SIDE))
    scaled = (image[::step, ::step][..., :3] if image.ndim == 3 else image[::step, ::step]) - low
    bytes_ = np.clip(np.rint(scaled * (255 / max(high - low, 1e-12))), 0, 255).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(png(bytes_)).decode()


def png(image: "NDArray[np.uint8]") -> bytes:
    """(height, width) grey or (height, width, 3) colours as a PNG (RFC 2083), eight bits a channel."""
    height, width = image.shape[:2]
    colour = 2 if image.ndim == 3 else 0
    lines = b"".join(b"\0" + image[line].tobytes() for line in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def histogram(score: "NDArray[np.float64]", quarantined: "NDArray[np.bool_]") -> str:
    """Scores from 0 to 1 as an SVG of bars, in the logarithm of rows; quarantined rows in a colour of their own."""
    import numpy as np

    edges = np.linspace(0, 1, _BINS + 1)
    every, _ = np.histogram(np.clip(score, 0, 1), edges)
    bad, _ = np.histogram(np.clip(score[quarantined], 0, 1), edges)
    tallest = np.log1p(max(int(every.max()), 1))
    bars = []
    for place, (count, out) in enumerate(zip(every.tolist(), bad.tolist(), strict=True)):
        for rows, name in ((count, "kept"), (out, "out")):
            if rows:
                height = 60 * np.log1p(rows) / tallest
                said = f"{edges[place]:.3f} to {edges[place + 1]:.3f}: {count} rows, {out} quarantined"
                bars.append(
                    f'<rect class="{name}" x="{place * 6}" y="{60 - height:.1f}" width="5" height="{height:.1f}">'
                    f"<title>{said}</title></rect>"
                )
    return (
        f'<svg class="histogram" viewBox="0 0 {_BINS * 6} 74" role="img" aria-label="distribution of scores">'
        f'{"".join(bars)}<text x="0" y="72">0</text><text x="{_BINS * 6}" y="72" text-anchor="end">1</text></svg>'
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
