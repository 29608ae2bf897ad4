"""Folders that hold more than plain files: links, pipes, sockets, weights that lie elsewhere."""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.tasks.scanning.hostile_archives import SYSTEM
from tests.tasks.scanning.hostile_models import ADD, graph_of, weight


def _link(folder: Path) -> None:
    outside = folder.with_name(f"{folder.name}.txt")
    outside.write_text("fine\n")
    (folder / "model.txt").symlink_to(outside)


def _dangling(folder: Path) -> None:
    (folder / "model.pt").symlink_to("/nonexistent/model.pt")


def _linked_folder(folder: Path) -> None:
    (folder / "README.md").write_text("# Card\n")
    (folder / "weights").symlink_to(folder.parent)


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "model.pkl")


def _socket(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY)  # the path of a socket may be a hundred characters long, a test's is longer
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{held}/model.pkl")
    finally:
        os.close(held)


def _empty(folder: Path) -> None:
    (folder / "a/b").mkdir(parents=True)


def _hidden(folder: Path) -> None:
    (folder / ".cache").mkdir()
    (folder / ".cache/.weights").write_bytes(SYSTEM)


def _external(folder: Path, location: str = "w.bin", length: str = "8") -> None:
    model = graph_of([ADD], [weight(location=location, offset="0", length=length)])
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def _external_link(folder: Path) -> None:
    (folder / "w.bin").symlink_to("/etc/passwd")
    _external(folder)


def _external_short(folder: Path) -> None:
    (folder / "w.bin").write_bytes(b"\1\2\3\4")
    _external(folder)


def _external_pickle(folder: Path) -> None:
    (folder / "w.bin").write_bytes(SYSTEM)
    _external(folder)


def _external_elsewhere(folder: Path) -> None:
    (folder / "w.bin").write_bytes(bytes(range(8)))
    _external(folder, location="other.bin")


def _second_name(folder: Path) -> None:
    (folder / "w.bin").write_bytes(bytes(range(8)))
    os.link(folder / "w.bin", folder.parent / f"{folder.name}-other")
    _external(folder)


ENTRIES: Mapping[str, Callable[[Path], None]] = {
    "link": _link,
    "dangling_link": _dangling,
    "linked_folder": _linked_folder,
    "pipe": _pipe,
    "socket": _socket,
    "empty_folder": _empty,
    "hidden_pickle": _hidden,
    "external_data_by_link": _external_link,
    "external_data_too_short": _external_short,
    "external_data_is_a_pickle": _external_pickle,
    "external_data_elsewhere": _external_elsewhere,
    "external_data_of_two_names": _second_name,
}
