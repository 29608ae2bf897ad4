"""A torch classifier as one self-contained ONNX file, preprocessing inside.

Input `input`: raw rows, FP32, first axis free. Outputs: `label` INT64 (rows,), `probabilities` FP32 (rows, classes).
"""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def export_classifier(
    module: "torch.nn.Module", path: Path, *, input_shape: Sequence[int], scale: float, opset: int = 20
) -> None:
    """Write `module` behind the preprocessing `clip(raw * scale, 0, 1)`; a channel axis is added for images.

    input_shape: shape of one raw row; two axes mean an image without a channel axis.
    """
    import torch

    served = served_module(module, scale=scale, add_channel=len(input_shape) == 2).eval()
    example = torch.zeros(2, *input_shape)
    with _quiet():
        torch.onnx.export(
            served,
            (example,),
            path,
            input_names=["input"],
            output_names=["label", "probabilities"],
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            opset_version=opset,
            verbose=False,
        )


def served_module(module: "torch.nn.Module", *, scale: float, add_channel: bool) -> "torch.nn.Module":
    """What is served: raw rows -> (label, probabilities)."""
    import torch

    class Served(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            scaled = (raw * scale).clamp(0, 1)
            logits = self.module(scaled.unsqueeze(1) if add_channel else scaled)
            return logits.argmax(1), logits.softmax(1)

    return Served()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of absent torchvision and prints its progress; neither is news."""
    with warnings.catch_warnings(), open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):  # noqa: PTH123
        warnings.simplefilter("ignore")
        loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "torch.onnx._internal.exporter")]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
