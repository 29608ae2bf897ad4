"""What code and which environment stand behind a step, as far as this machine can tell."""

import functools
import importlib.metadata
import subprocess
from dataclasses import dataclass
from pathlib import Path

from assay.digests import sha256_bytes
from assay.json_types import JsonObject


@dataclass(frozen=True)
class Provenance:
    """git_sha: "" outside a checkout. is_dirty: uncommitted changes. environment: digest of `environment_list()`."""

    git_sha: str
    is_dirty: bool
    environment: str

    def to_json(self) -> JsonObject:
        return {"git_sha": self.git_sha, "is_dirty": self.is_dirty, "environment": self.environment}


@functools.cache
def current_provenance() -> Provenance:
    """Of this process; asked once."""
    source = Path(__file__).parent
    sha = _git(source, "rev-parse", "HEAD")
    return Provenance(
        git_sha=sha,
        is_dirty=bool(sha and _git(source, "status", "--porcelain", "--untracked-files=no")),
        environment=sha256_bytes(environment_list()),
    )


@functools.cache
def environment_list() -> bytes:
    """What is installed here: sorted lines of NAME==VERSION. Every step stores it under its digest."""
    found = {f"{one.metadata['Name']}=={one.version}\n" for one in importlib.metadata.distributions()}
    return "".join(sorted(found)).encode()


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
