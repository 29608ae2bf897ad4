"""The embedded stack in a home of its own, driven through the command line only."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]
ASSAY = Path(sys.executable).with_name("assay")


class Stack:
    """The embedded stack in a home of its own, driven through the command line only."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "ASSAY_HOME": str(home)}

    def run(self, *arguments: str | Path, expect: int = 0, timeout: int = 420) -> str:
        """Its standard output."""
        return self._done(arguments, expect, timeout).stdout

    def failure(self, *arguments: str | Path, expect: int, timeout: int = 420) -> str:
        """Its standard error."""
        return self._done(arguments, expect, timeout).stderr

    def _done(self, arguments: tuple[str | Path, ...], expect: int, timeout: int) -> subprocess.CompletedProcess[str]:
        command = [str(ASSAY), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == expect, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str | Path, expect: int = 0, timeout: int = 420) -> dict[str, Any]:
        return json.loads(self.run(*arguments, "--json", expect=expect, timeout=timeout))

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """What the code does in a process of its own that knows this stack."""
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def settings(self) -> Settings:
        return load_settings(self.home)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Up for the tests of one module, gone afterwards."""
    # Not under pytest's own folder: as root PostgreSQL runs as another user, which pytest shuts out.
    stack = Stack(Path(tempfile.mkdtemp(prefix="assay-home-")))
    try:
        stack.run("up", "--detach")
        yield stack
    finally:
        stack.run("down")
        shutil.rmtree(stack.home, ignore_errors=True)
