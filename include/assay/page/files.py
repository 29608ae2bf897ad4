"""Style sheet, scripts and the bundled graph library: nothing is loaded from elsewhere."""

import functools
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from assay.digests import sha256_file

router = APIRouter()
_FOLDER = Path(__file__).with_name("static")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_GOOD = "private, max-age=31536000, immutable"  # the address carries the digest


@router.get("/static/{sha256}/{name}")
def file(sha256: str, name: str) -> FileResponse:
    """One of our own files under the digest of its bytes; 404 for anything else."""
    path = _files().get(name)
    if path is None or _digest(name) != sha256:
        raise HTTPException(404, f"static file {name!r}: expected one of {', '.join(_files())}; reload the page")
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": _FOR_GOOD})


def address(name: str) -> str:
    """Where a file of that name is served, below the application's root. Raises KeyError for an unknown name."""
    return f"/static/{_digest(name)}/{name}"


@functools.cache
def _files() -> dict[str, Path]:
    return {path.name: path for path in sorted(_FOLDER.rglob("*")) if path.suffix in _TYPES}


@functools.cache
def _digest(name: str) -> str:
    return sha256_file(_files()[name])[:16]
