"""The module's logits and input gradients are those of the network that was exported."""

from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import helper

from assay.errors import SpecError
from assay.torch_export import export_classifier, served_module
from assay.torch_mode import evaluation_mode
from models.digits import DigitsModel
from models.mnist import MnistModel
from tasks.foreign.foreign_model import open_foreign
from tasks.foreign.onnx_module import OnnxModule
from tasks.foreign.steps import Head
from tests.tasks.foreign.graphs import model_of, scores_of
from tests.tasks.foreign.networks import exported, network

KINDS = ("cnn", "residual", "depthwise", "mlp", "encoder")


def gradient(module: torch.nn.Module, rows: torch.Tensor) -> torch.Tensor:
    rows = rows.clone().requires_grad_()
    labels = torch.arange(len(rows)) % 3
    loss = torch.nn.functional.cross_entropy(module(rows), labels, reduction="sum")
    return torch.autograd.grad(loss, rows)[0]


@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "legacy"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_exported_network(kind: str, dynamo: bool, tmp_path: Path) -> None:
    original, shape = network(kind)
    module = open_foreign(exported(kind, tmp_path / "m.onnx", dynamo=dynamo)).module
    rows = torch.randn(7, *shape, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(module(rows), original(rows), rtol=1e-4, atol=1e-4)
    expected = gradient(original, rows)
    torch.testing.assert_close(gradient(module, rows), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind: str, tmp_path: Path) -> None:
    opened = open_foreign(exported(kind, tmp_path / "m.onnx", dynamo=kind != "encoder"))
    module, shape = opened.module.double(), opened.input_shape
    rows = torch.randn(2, *shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    steps = torch.randn(6, *rows.shape, generator=torch.Generator().manual_seed(6), dtype=torch.float64)

    def loss(data: torch.Tensor) -> torch.Tensor:
        return module(data).square().sum()

    start = rows.clone().requires_grad_()
    slope = torch.autograd.grad(loss(start), start)[0]
    for step in steps:
        measured = (loss(rows + 1e-6 * step) - loss(rows - 1e-6 * step)) / 2e-6
        torch.testing.assert_close((slope * step).sum(), measured, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", [DigitsModel, MnistModel], ids=["digits", "mnist"])
def test_models_of_assay_give_logits_for_raw_pixels(model: type[MnistModel], tmp_path: Path) -> None:
    """The label falls away, the softmax gives way, and the scaling inside reaches the gradient."""
    torch.manual_seed(0)
    original = model.network_function(None).eval()  # type: ignore[arg-type]  # it asks nothing of the model
    side, scale = model.side, 1 / model.pixel_maximum
    path = tmp_path / "model.onnx"
    export_classifier(original, path, input_shape=(side, side), scale=scale)
    opened = open_foreign(path)
    served = served_module(original, scale=scale, add_channel=True)
    rows = torch.rand(6, side, side) * model.pixel_maximum
    logits = original((rows * scale).unsqueeze(1))
    assert opened.input_shape == (side, side) and opened.classes == 10
    torch.testing.assert_close(opened.module(rows), logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(opened.module(rows).softmax(1), served(rows)[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(opened.query(rows.numpy()), logits.detach().numpy(), rtol=1e-4, atol=1e-5)
    expected = gradient(lambda data: original((data * scale).clamp(0, 1).unsqueeze(1)), rows)  # type: ignore[arg-type]
    torch.testing.assert_close(gradient(opened.module, rows), expected, rtol=1e-3, atol=1e-7)


def test_channels_last_weights_and_rows_flow_through(tmp_path: Path) -> None:
    original, shape = network("residual")
    module = open_foreign(exported("residual", tmp_path / "m.onnx", dynamo=True)).module
    rows = torch.randn(4, *shape).to(memory_format=torch.channels_last)
    with evaluation_mode(module):
        assert all(one.is_contiguous(memory_format=torch.channels_last) for one in module.buffers() if one.dim() == 4)
        torch.testing.assert_close(module(rows), original(rows), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "legacy"])
@pytest.mark.parametrize("kind", KINDS)
def test_module_moves_to_another_device_and_keeps_shapes_on_the_cpu(kind: str, dynamo: bool, tmp_path: Path) -> None:
    """On `meta` no tensor has numbers, so that any size read from a moved tensor would be an error."""
    opened = open_foreign(exported(kind, tmp_path / "m.onnx", dynamo=dynamo))
    scores = opened.module.to("meta")(torch.zeros(3, *opened.input_shape, device="meta"))
    assert scores.shape == (3, opened.classes) and scores.device.type == "meta"


def test_weights_are_buffers_without_gradient(tmp_path: Path) -> None:
    module = open_foreign(exported("mlp", tmp_path / "m.onnx", dynamo=True)).module
    assert list(module.buffers()) and not list(module.parameters())
    assert not any(weights.requires_grad for weights in module.buffers())


def test_operator_without_a_gradient_is_named_when_the_module_is_made() -> None:
    nodes = [helper.make_node("Hardmax", ["x"], ["h"], name="hard"), helper.make_node("Relu", ["h"], ["y"])]
    with pytest.raises(SpecError, match=r"found Hardmax \(node `hard`\).*queries alone"):
        OnnxModule(scores_of(model_of(nodes), (4,), 20))


def test_form_of_an_operator_that_is_not_supported_is_named_when_the_module_is_made() -> None:
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], name="up", mode="cubic")
    graph = scores_of(model_of([node], weights={"s": np.array([1, 2], np.float32)}), (4,), 20)
    with pytest.raises(SpecError, match=r"`up`: operator Resize: expected mode in .*found mode='cubic'"):
        OnnxModule(graph)


def test_scores_that_do_not_depend_on_the_rows_are_refused() -> None:
    node = helper.make_node("Identity", ["w"], ["y"])
    with pytest.raises(SpecError, match="expected scores that depend on the rows"):
        OnnxModule(scores_of(model_of([node], weights={"w": np.zeros((8, 2), np.float32)}), (4,), 20))


def test_rows_of_another_shape_are_an_error_that_names_the_node() -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="dense")
    module = OnnxModule(scores_of(model_of([node], weights={"w": np.zeros((4, 2), np.float32)}), (4,), 20))
    with pytest.raises(SpecError, match=r"node `dense`: rows of shape \(3, 5\) do not pass"):
        module(torch.zeros(3, 5))


def test_binary_logit_becomes_two_logits() -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = model_of([node], weights={"w": np.ones((4, 1), np.float32)})
    logits = OnnxModule(scores_of(graph, (4,), 20, Head.BINARY_LOGIT))(torch.ones(3, 4))
    assert logits.tolist() == [[0.0, 4.0]] * 3


def test_constants_are_folded_when_the_module_is_made() -> None:
    nodes = [
        helper.make_node("Transpose", ["w"], ["t"]),
        helper.make_node("Mul", ["t", "two"], ["scaled"]),
        helper.make_node("MatMul", ["x", "scaled"], ["y"]),
    ]
    weights = {"w": np.ones((2, 4), np.float32), "two": np.array(2, np.float32)}
    module = OnnxModule(scores_of(model_of(nodes, weights=weights), (4,), 20))
    assert [tuple(held.shape) for held in module.buffers()] == [(4, 2)]
    assert module(torch.ones(1, 4)).tolist() == [[8.0, 8.0]]
