"""A small site-packages folder, written as an installer writes one."""

import base64
import hashlib
from pathlib import Path

import pytest


class Site:
    """A site-packages folder whose packages are written as an installer writes them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "site-packages"

    def add(self, name: str, version: str = "1.0", needs: tuple[str, ...] = (), **files: str) -> "Site":
        info = self.root / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = "".join(f"Requires-Dist: {one}\n" for one in needs)
        extras = "Provides-Extra: fast\n"
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{extras}{lines}")
        record = [self._put(path, text) for path, text in {f"{name}/__init__.py": "", **files}.items()]
        (info / "RECORD").write_text("".join(record) + f"{info.name}/RECORD,,\n")
        return self

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """For the rest of the test nothing else is installed."""
        monkeypatch.setattr("tasks.supply_chain.packages._own_folders", lambda _: iter([str(self.root)]))

    def _put(self, path: str, text: str) -> str:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        return f"{path},sha256={digest},{len(text)}\n"
