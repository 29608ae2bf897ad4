"""Writes the lock with the hashes of every archive that pip may take. `make lock` runs it.

It reads a pylock.toml (PEP 751), which lists all archives of each version, and keeps those for CPython 3.11 and 3.12 on
x86-64 Linux; a source archive only where no wheel fits.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import parse_wheel_filename

HEADER = "# Every dependency, resolved together, by version and archive; refresh with `make lock`.\n"
_ANY = {"py3", "py2", "cp311", "cp312"}
_OLDEST_STABLE, _NEWEST_STABLE = 2, 12


def lock_text(pylock: Mapping[str, Any]) -> str:
    """The lines of pip's format, packages and hashes in order."""
    lines = [HEADER]
    for package in sorted(pylock["packages"], key=lambda one: str(one["name"])):
        hashes = sorted(archive["hashes"]["sha256"] for archive in _archives(package))
        if not hashes:
            raise ValueError(f"{package['name']}: expected an archive for CPython 3.11 or 3.12 on x86-64 Linux")
        lines.append(f"{package['name']}=={package['version']}")
        lines.extend(f" \\\n    --hash=sha256:{sha256}" for sha256 in hashes)
        lines.append("\n")
    return "".join(lines)


def _archives(package: Mapping[str, Any]) -> list[Any]:
    wheels = [wheel for wheel in package.get("wheels", ()) if _fits(wheel["url"].rpartition("/")[2])]
    return wheels or [package[kind] for kind in ("sdist",) if kind in package]


def _fits(wheel: str) -> bool:
    *_, tags = parse_wheel_filename(wheel.replace("%2B", "+"))
    return any(
        tag.interpreter in interpreters and _is_ours(tag.platform) for tag in tags for interpreters in [_runs(tag.abi)]
    )


def _runs(abi: str) -> set[str]:
    """Interpreters that a wheel of this ABI may name to run on CPython 3.11 or 3.12."""
    stable = {f"cp3{minor}" for minor in range(_OLDEST_STABLE, _NEWEST_STABLE + 1)}
    return stable if abi == "abi3" else stable | _ANY if abi == "none" else {"cp311", "cp312"} & {abi}


def _is_ours(platform: str) -> bool:
    return platform == "any" or (platform.startswith(("linux", "manylinux")) and platform.endswith("x86_64"))


def _main(arguments: list[str]) -> Iterator[str]:
    source, target = map(Path, arguments)
    text = lock_text(tomllib.loads(source.read_text()))
    target.write_text(text)
    yield f"{target}: {text.count('==')} packages, {text.count('--hash')} archives"


if __name__ == "__main__":
    for line in _main(sys.argv[1:]):
        print(line)
