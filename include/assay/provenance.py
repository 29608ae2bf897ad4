"""What code and which environment stand behind a step, as far as this machine can tell."""

import functools
import importlib.metadata
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from assay.code_digest import code_digest
from assay.digests import sha256_bytes
from assay.json_types import JsonObject


@dataclass(frozen=True)
class Provenance:
    """git_sha: "" outside a checkout. is_dirty: uncommitted changes. environment: digest of `environment_list()`.

    committed_at: when the commit was made, by the clock of who made it; None outside a checkout. code: digest of the
    code that lay there, committed or not; "" where it is not stated.
    """

    git_sha: str
    is_dirty: bool
    environment: str
    committed_at: datetime | None = None
    code: str = ""

    def to_json(self) -> JsonObject:
        return {
            "git_sha": self.git_sha,
            "is_dirty": self.is_dirty,
            "environment": self.environment,
            "committed_at": self.committed_at.isoformat() if self.committed_at else None,
            "code": self.code,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Self:
        committed = value.get("committed_at")
        return cls(
            git_sha=str(value["git_sha"]),
            is_dirty=bool(value["is_dirty"]),
            environment=str(value["environment"]),
            committed_at=datetime.fromisoformat(str(committed)) if committed else None,
            code=str(value.get("code") or ""),
        )


@functools.cache
def current_provenance() -> Provenance:
    """Of this process; asked once."""
    source = Path(__file__).parent
    sha = _git(source, "rev-parse", "HEAD")
    committed = _git(source, "show", "--no-patch", "--format=%cI", "HEAD")
    return Provenance(
        git_sha=sha,
        is_dirty=bool(sha and _git(source, "status", "--porcelain", "--untracked-files=no")),
        environment=sha256_bytes(environment_list()),
        committed_at=datetime.fromisoformat(committed) if committed else None,
        code=code_digest(),
    )


@functools.cache
def environment_list() -> bytes:
    """What is installed here: sorted lines of NAME==VERSION. Every step stores it under its digest."""
    return "".join(sorted({f"{_release(one)}\n" for one in importlib.metadata.distributions()})).encode()


def _release(distribution: importlib.metadata.Distribution) -> str:
    """NAME==VERSION by the first lines that say so; parsing the metadata whole costs a command a tenth of a second."""
    head = (distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or "").partition("\n\n")[0]
    name, version = (re.search(rf"^{field}: *(.*?) *$", head, re.MULTILINE) for field in ("Name", "Version"))
    return f"{name[1] if name else None}=={version[1] if version else None}"


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
