"""GET /report/SHA256: a trust report from the store, to be read before a model is approved; nothing else from there."""

import json
import re
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from assay.page.reader import Reader, pipeline_of, reader_of
from assay.store import open_store

router = APIRouter()
_MOST_BYTES = 64 << 20
_DATA = re.compile(rb'<script type="application/json" id="assay-report">(.*?)</script>', re.DOTALL)
# Whatever the bytes are, they run nothing, load nothing and have no origin.
_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Cache-Control": "private, max-age=31536000, immutable",
}


@router.get("/report/{sha256}")
def report(request: Request, sha256: str, reader: Annotated[Reader, Depends(reader_of)]) -> Response:
    """Its bytes are those that the digest names. 404 for any other object of the store."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise HTTPException(404, f"{sha256}: expected the 64 hex digits of a trust report's sha256; check the address.")
    store = open_store(request.app.state.engines.settings)
    if not store.exists(sha256) or store.size(sha256) > _MOST_BYTES:
        raise _no_report(sha256)
    page = store.read(sha256)
    reader.require(pipeline_of(_model_name(page, sha256)))
    return Response(page, media_type="text/html", headers=_HEADERS)


def _model_name(page: bytes, sha256: str) -> str:
    """The model that the report's own data speaks of."""
    found = _DATA.search(page)
    if found is None:
        raise _no_report(sha256)
    try:
        return str(json.loads(found[1])["model"]["name"])
    except (ValueError, KeyError, TypeError):
        raise _no_report(sha256) from None


def _no_report(sha256: str) -> HTTPException:
    return HTTPException(404, f"{sha256}: expected a trust report in the store, found none; `assay report` makes one.")
