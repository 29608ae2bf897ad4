"""Triton's model repository on disk: NAME/config.pbtxt, NAME/VERSION/model.onnx, and ACTIVE.json.

A version folder appears whole or not at all; a file that differs from its approved digest is never
overwritten, only named.
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from assay.bundle import ONNX_FILE
from assay.digests import sha256_file
from assay.errors import IntegrityError

ACTIVE_FILE = "ACTIVE.json"
REFUSED_FILE = "REFUSED.json"
_CODE_FILE = "model.py"
_CODE = Path(__file__).with_name("served_model.py")


class Repository:
    """The folder that `tritonserver --model-repository` reads."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time, over all processes of this machine."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def onnx_path(self, name: str, version: int) -> Path:
        return self.root / name / str(version) / ONNX_FILE

    def write_version(
        self, name: str, version: int, onnx: Path, sha256: str, earlier_code: Collection[str] = ()
    ) -> None:
        """Put a version beside the others, verified after it is written. What is there already is verified.

        earlier_code: digests of server code that earlier deployments signed for; such code gives way to the present.
        """
        target = self.onnx_path(name, version).parent
        code = target / _CODE_FILE
        if code.is_file() and sha256_file(code) in earlier_code:
            _replace(code, _CODE.read_text())
        if not target.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.root, prefix=".partial-") as folder:
                partial = Path(folder) / "version"
                partial.mkdir()
                shutil.copyfile(onnx, partial / ONNX_FILE)
                shutil.copyfile(_CODE, partial / _CODE_FILE)
                partial.replace(target)
        self.verify_version(name, version, sha256)

    def verify_version(self, name: str, version: int, sha256: str) -> None:
        """Hash the files Triton reads. Raises IntegrityError naming the one that is not as approved."""
        path = self.onnx_path(name, version)
        for file, approved in ((path, sha256), (path.with_name(_CODE_FILE), code_sha256())):
            found = sha256_file(file) if file.is_file() else "no file"
            if found != approved:
                raise IntegrityError(
                    f"{file}: approved sha256 {approved}, found {found}; the served file was changed: "
                    f"open an incident, then remove {file.parent} and deploy again"
                )

    def versions(self, name: str) -> list[int]:
        """Versions on disk, ascending."""
        folder = self.root / name
        return sorted(int(path.name) for path in folder.glob("[0-9]*")) if folder.is_dir() else []

    def remove_version(self, name: str, version: int) -> None:
        shutil.rmtree(self.onnx_path(name, version).parent, ignore_errors=True)

    def remove_model(self, name: str) -> None:
        shutil.rmtree(self.root / name, ignore_errors=True)

    def read_config(self, name: str) -> str | None:
        path = self.root / name / "config.pbtxt"
        return path.read_text() if path.is_file() else None

    def write_config(self, name: str, text: str) -> None:
        (self.root / name).mkdir(parents=True, exist_ok=True)
        _replace(self.root / name / "config.pbtxt", text)

    def set_refused(self, name: str, refused: Mapping[str, str]) -> None:
        """Files, sha256 of model.onnx -> why, that the server must not load any more; none removes the list."""
        path = self.root / name / REFUSED_FILE
        if refused:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, json.dumps(refused, indent=2, sort_keys=True) + "\n")
        else:
            path.unlink(missing_ok=True)

    def active(self) -> Mapping[str, int]:
        """Model name -> the version that answers by default; what a restarted server has to load."""
        path = self.root / ACTIVE_FILE
        return {name: int(version) for name, version in json.loads(path.read_text()).items()} if path.is_file() else {}

    def set_active(self, name: str, version: int | None) -> None:
        """Record the serving version; None: this name serves no more."""
        others = {key: value for key, value in self.active().items() if key != name}
        now = others if version is None else others | {name: version}
        _replace(self.root / ACTIVE_FILE, json.dumps(now, indent=2, sort_keys=True) + "\n")


def code_sha256() -> str:
    """Of the server code that versions are written with now."""
    return sha256_file(_CODE)


def _replace(path: Path, text: str) -> None:
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    Path(partial).chmod(0o644)
    Path(partial).replace(path)
