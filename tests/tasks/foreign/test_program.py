"""Programs of torch.export.save are read as data: what would run code is refused, what is left is the model."""

import copy
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from assay.errors import SpecError
from assay.torch_export import served_module
from models.mnist import MnistModel
from tasks.foreign.foreign_model import open_foreign
from tests.tasks.foreign.networks import network


def saved(module: nn.Module, shape: tuple[int, ...], *, fixed: bool = False) -> bytes:
    shapes = None if fixed else ({0: torch.export.Dim("batch")},)
    program = torch.export.export(module, (torch.randn(2, *shape),), dynamic_shapes=shapes)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def mlp() -> bytes:
    return saved(*network("mlp"))


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[bytes, str], None]:
    def refuse(data: bytes, match: str) -> None:
        path = tmp_path / "m.pt2"
        path.write_bytes(data)
        with pytest.raises(SpecError, match=match):
            open_foreign(path)

    return refuse


def repacked(data: bytes, change: Callable[[dict[str, bytes]], None], compression: int = zipfile.ZIP_STORED) -> bytes:
    """The archive with its members, by their paths below the root, changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        members = {name.partition("/")[2]: file.read(name) for name in file.namelist()}
    change(members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"archive/{name}", content)
    return buffer.getvalue()


def with_json(data: bytes, path: str, change: Callable[[dict[str, Any]], None]) -> bytes:
    def rewrite(members: dict[str, bytes]) -> None:
        content = json.loads(members[path])
        change(content)
        members[path] = json.dumps(content).encode()

    return repacked(data, rewrite)


@pytest.mark.parametrize("kind", ["cnn", "residual", "depthwise", "mlp", "encoder"])
def test_program_answers_and_has_gradients_as_the_network(kind: str, tmp_path: Path) -> None:
    original, shape = network(kind)
    (tmp_path / "m.bin").write_bytes(saved(original, shape))
    opened = open_foreign(tmp_path / "m.bin")
    rows = torch.randn(5, *shape, generator=torch.Generator().manual_seed(5)).requires_grad_()
    torch.testing.assert_close(opened.module(rows), original(rows))
    np.testing.assert_allclose(
        opened.query(rows.detach().numpy()), original(rows).detach().numpy(), rtol=1e-4, atol=1e-5
    )
    found, expected = (torch.autograd.grad(one(rows).square().sum(), rows)[0] for one in (opened.module, original))
    torch.testing.assert_close(found, expected)
    assert opened.input_shape == shape and not list(opened.module.parameters())


def test_served_program_gives_its_logits(tmp_path: Path) -> None:
    network = MnistModel.network_function(None).eval()  # type: ignore[arg-type]  # it asks nothing of the model
    path = tmp_path / "m.pt2"
    path.write_bytes(saved(served_module(network, scale=1 / 255, add_channel=True).eval(), (28, 28)))
    rows = torch.rand(3, 28, 28) * 255
    torch.testing.assert_close(open_foreign(path).module(rows), network((rows / 255).unsqueeze(1)))


def test_views_constants_and_in_place_operators_are_followed(tmp_path: Path) -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("factors", torch.tensor([1.0, 2.0, 3.0]), persistent=False)
            self.dense = nn.Linear(6, 4)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            left, right = rows.split(3, 1)
            joined = torch.cat([left * self.factors, right + torch.arange(3, device=rows.device)], 1)
            dense = self.dense(joined.view(rows.shape[0] * 2, 3).reshape(rows.shape[0], 6))
            dense += 1
            torch.relu_(dense)
            return dense * torch.tensor([1.0, 2.0, 3.0, 4.0])

    module = Mixed().eval()
    path = tmp_path / "m.pt2"
    path.write_bytes(saved(module, (6,)))
    rows = torch.randn(5, 6)
    torch.testing.assert_close(open_foreign(path).module(rows), module(rows))


def test_sample_inputs_which_are_a_pickle_are_never_read(mlp: bytes, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    def plant(members: dict[str, bytes]) -> None:
        members["data/sample_inputs/model.pt"] = pickle.dumps(Bomb())

    path = tmp_path / "m.pt2"
    path.write_bytes(repacked(mlp, plant))
    assert open_foreign(path).classes == 3
    assert not (tmp_path / "ran").exists()


def test_pickled_weight_is_refused(mlp: bytes, refused: Callable[[bytes, str], None]) -> None:
    def mark(config: dict[str, Any]) -> None:
        config["config"]["0.weight"]["use_pickle"] = True

    refused(with_json(mlp, "data/weights/model_weights_config.json", mark), "0.weight.*pickled object")


def test_custom_object_among_constants_is_refused(mlp: bytes, refused: Callable[[bytes, str], None]) -> None:
    def add(config: dict[str, Any]) -> None:
        config["config"]["evil"] = {"path_name": "custom_obj_0", "use_pickle": False, "tensor_meta": None}

    refused(with_json(mlp, "data/constants/model_constants_config.json", add), "evil.*pickled object")


@pytest.mark.parametrize(
    "member", ["data/aotinductor/model/a.so", "data/weights/model.pt", "data/constants/opaque_obj_0", "extra/notes.txt"]
)
def test_member_beside_graph_and_weights_is_refused(
    member: str, mlp: bytes, refused: Callable[[bytes, str], None]
) -> None:
    refused(repacked(mlp, lambda members: members.update({member: b"x"})), f"one program.*found {member}")


@pytest.mark.parametrize(
    "target", ["torch.load", "torch.hub.load", "torch.ops.aten.from_file.default", "torch.ops.aten.add.out", "#evil:op"]
)
def test_target_that_is_no_listed_operator_is_named_and_refused(
    target: str, mlp: bytes, refused: Callable[[bytes, str], None]
) -> None:
    def rename(program: dict[str, Any]) -> None:
        program["graph_module"]["graph"]["nodes"][0]["target"] = target

    refused(with_json(mlp, "models/model.json", rename), f"expected listed operators.*found {target}")


def test_guards_and_size_expressions_are_never_evaluated(mlp: bytes, tmp_path: Path) -> None:
    evil = f"__import__('pathlib').Path({str(tmp_path / 'ran')!r}).touch()"

    def plant(program: dict[str, Any]) -> None:
        program["guards_code"] = [evil]
        for value in program["graph_module"]["graph"]["tensor_values"].values():
            for size in value["sizes"]:
                if "as_expr" in size:
                    size["as_expr"]["expr_str"] = evil

    path = tmp_path / "m.pt2"
    path.write_bytes(with_json(mlp, "models/model.json", plant))
    assert open_foreign(path).classes == 3
    assert not (tmp_path / "ran").exists()


def test_strides_beyond_the_numbers_are_refused(mlp: bytes, refused: Callable[[bytes, str], None]) -> None:
    def stretch(config: dict[str, Any]) -> None:
        config["config"]["0.weight"]["tensor_meta"]["strides"] = [{"as_int": 10**6}, {"as_int": 1}]

    refused(with_json(mlp, "data/weights/model_weights_config.json", stretch), "as torch.export.save of torch 2.13")


def test_weights_that_are_not_finite_are_named(mlp: bytes, refused: Callable[[bytes, str], None]) -> None:
    def spoil(members: dict[str, bytes]) -> None:
        members["data/weights/weight_0"] = np.full(len(members["data/weights/weight_0"]) // 4, np.nan, "<f4").tobytes()

    refused(repacked(mlp, spoil), "tensor `0.weight`.*NaN")


def test_compressed_archive_is_refused(mlp: bytes, refused: Callable[[bytes, str], None]) -> None:
    refused(repacked(mlp, lambda members: None, zipfile.ZIP_DEFLATED), "uncompressed archive")


def test_model_of_torch_save_is_refused_as_the_pickle_it_is(refused: Callable[[bytes, str], None]) -> None:
    buffer = io.BytesIO()
    torch.save(nn.Linear(2, 2).state_dict(), buffer)
    refused(buffer.getvalue(), "torch.save: a pickle")


def test_fixed_batch_axis_is_refused(refused: Callable[[bytes, str], None]) -> None:
    refused(saved(*network("mlp"), fixed=True), "axis 0 free and no other, found it fixed at 2")


def test_program_in_training_mode_is_refused(refused: Callable[[bytes, str], None]) -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Linear(4, 2)).train()
    refused(saved(module, (4,)), "evaluation mode")
    refused(saved(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).train(), (4,)), "evaluation mode")


def test_copy_of_an_opened_module_stands_alone(mlp: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.pt2").write_bytes(mlp)
    module = open_foreign(tmp_path / "m.pt2").module
    twin = copy.deepcopy(module).double()
    rows = torch.randn(3, 12)
    torch.testing.assert_close(twin(rows.double()).float(), module(rows))
