"""Files that common libraries write pass, each of them, in every form they are written in."""

import io
import pickle
import random
from pathlib import Path

import pytest

from assay.records import Verdict
from tasks.scanning.formats import scan_region
from tasks.scanning.pickle_policy import is_allowed
from tasks.scanning.pickle_values import Imported
from tasks.scanning.region import in_memory
from tasks.scanning.scan_paths import ScannedFile, scan_paths
from tests.tasks.scanning.benign_files import BENIGN, write_benign


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("benign")
    write_benign(root)
    return root


@pytest.mark.parametrize("library", BENIGN)
def test_benign_files_pass(folder: Path, library: str) -> None:
    report = scan_paths([folder / library])
    refused = {one.path: [found.detail for found in one.findings] for one in report.files if one.findings}
    assert not refused
    assert report.verdict is Verdict.PASSED and len(report.files) >= 3


def test_formats_are_told_by_content(folder: Path) -> None:
    formats = {Path(one.path).name: one.format for one in scan_paths([folder]).files}
    assert formats["state.pt"] == "torch" and formats["legacy.pth"] == "pickle"
    assert formats["net.onnx.data"] == "onnx-external-data" and formats["arrays.npz"] == "npz"
    assert formats["model.tar.gz"] == "gzip(tar)" and formats["model.gguf"] == "gguf"
    assert formats["old.h5"] == "hdf5" and formats["model.keras"] == "keras"


def test_files_carry_digest_and_size(folder: Path) -> None:
    files: tuple[ScannedFile, ...] = scan_paths([folder / "tensors"]).files
    assert all(len(one.sha256) == 64 and one.bytes == Path(one.path).stat().st_size for one in files)


class _Recorded(pickle._Unpickler):  # type: ignore[name-defined,misc]
    """Python's own unpickler, which notes what it is asked to import and gets a stand-in for it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.asked: list[Imported] = []

    def find_class(self, module: str, name: str) -> object:
        self.asked.append(Imported(module, name))

        class StandIn(dict):  # type: ignore[type-arg]
            def __init__(self, *_: object, **__: object) -> None:
                super().__init__()

            def __setstate__(self, _: object) -> None: ...

        return StandIn


def test_no_mutated_pickle_passes_and_imports_what_is_not_allowed(folder: Path) -> None:
    """The walk against Python's own unpickler, over files with a few bytes changed."""
    sound = [path.read_bytes() for path in sorted((folder / "sklearn").glob("*.pkl"))]
    dice = random.Random(0)
    passed = 0
    for _ in range(400):
        data = bytearray(dice.choice(sound)[:4_000])
        start = dice.randrange(len(data))
        data = (
            data[:start]
            + bytearray(dice.choice(b"0Nh).(tR}]asbu\x81\x85\x93\x94c") for _ in range(3))
            + b"0"
            + data[start:]
        )
        content = bytes(data)
        judged = scan_region(in_memory(content), "model")
        unpickler = _Recorded(content)
        try:
            unpickler.load()
        except Exception:  # noqa: BLE001, S112 - most are broken
            continue
        if not judged.findings:
            passed += 1
            assert all(is_allowed(one) for one in unpickler.asked), unpickler.asked
    assert passed >= 0
