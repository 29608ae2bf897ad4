"""What code and which environment stand behind a step, as far as this machine can tell."""

import functools
import importlib.metadata
import subprocess
from dataclasses import dataclass
from pathlib import Path

from assay.digests import sha256_lines
from assay.json_types import JsonObject


@dataclass(frozen=True)
class Provenance:
    """git_sha: "" outside a checkout. is_dirty: uncommitted changes. environment: digest of name==version lines."""

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
        environment=sha256_lines(sorted(_installed())),
    )


def _installed() -> list[str]:
    return [f"{found.metadata['Name']}=={found.version}" for found in importlib.metadata.distributions()]


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
