"""Small networks of the common kinds, and how to export them."""

import functools
import io
from pathlib import Path

import torch
from torch import Tensor, nn

from assay.torch_export import _quiet


class Residual(nn.Module):
    """A small ResNet: conv-bn-relu blocks with shortcuts, global average pool."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.one = self._block(8, 8, 1)
        self.two = self._block(8, 16, 2)
        self.short = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
        self.end = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))

    @staticmethod
    def _block(inside: int, outside: int, stride: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(),
            nn.Conv2d(outside, outside, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outside),
        )

    def forward(self, rows: Tensor) -> Tensor:
        data = self.stem(rows)
        data = torch.relu(data + self.one(data))
        data = torch.relu(self.short(data) + self.two(data))
        scores: Tensor = self.end(data)
        return scores


class Encoder(nn.Module):
    """A transformer encoder of one layer over six vectors."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 1)
        self.end = nn.Linear(16, 4)

    def forward(self, rows: Tensor) -> Tensor:
        scores: Tensor = self.end(self.encoder(rows).mean(1))
        return scores


def network(kind: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A network of `kind` with random weights and running statistics, and the shape of its rows."""
    torch.manual_seed(3)
    made: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
        "cnn": (
            nn.Sequential(
                *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ELU(), nn.AvgPool2d(2)),
                *(nn.Flatten(), nn.Dropout(), nn.Linear(8, 5)),
            ),
            (3, 8, 8),
        ),
        "residual": (Residual(), (3, 8, 8)),
        "depthwise": (
            nn.Sequential(
                *(nn.Conv2d(3, 6, 1), nn.ReLU6(), nn.Conv2d(6, 6, 3, 2, 1, groups=6), nn.Hardswish()),
                *(nn.Conv2d(6, 8, 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)),
            ),
            (3, 8, 8),
        ),
        "mlp": (
            nn.Sequential(
                *(nn.Linear(12, 16), nn.LeakyReLU(0.1), nn.LayerNorm(16)),
                *(nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 3)),
            ),
            (12,),
        ),
        "encoder": (Encoder(), (6, 16)),
    }
    module, shape = made[kind]
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean = torch.randn_like(part.weight) * 0.3
                part.running_var = torch.rand_like(part.weight) + 0.5
                part.weight.uniform_(0.5, 1.5)
    return module.eval(), shape


def exported(kind: str, path: Path, *, dynamo: bool) -> Path:
    """The network of `kind` as ONNX, with a free batch axis, by the new exporter or the old."""
    path.write_bytes(_onnx(kind, dynamo))
    return path


@functools.cache
def _onnx(kind: str, dynamo: bool) -> bytes:
    module, shape = network(kind)
    rows, buffer = torch.randn(2, *shape), io.BytesIO()
    with _quiet():
        if dynamo:
            batch = ({0: torch.export.Dim("batch")},)
            program = torch.onnx.export(module, (rows,), dynamo=True, dynamic_shapes=batch)
            assert program is not None
            return program.model_proto.SerializeToString()
        axes = {"x": {0: "batch"}, "y": {0: "batch"}}
        torch.onnx.export(
            module, (rows,), buffer, dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes=axes
        )
    return buffer.getvalue()
