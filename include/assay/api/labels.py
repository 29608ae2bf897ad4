"""Late truth: labels for requests that were served, kept beside the captured requests."""

import re
from typing import Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from assay.api.token import require_token
from assay.errors import SpecError

router = APIRouter(prefix="/api/v1", dependencies=[Depends(require_token)])
_MOST_LABELS = 10_000
_PIPELINE = re.compile(r"[a-z][a-z0-9_]{0,62}")  # a folder's name: nothing that could leave the capture folder


class Label(BaseModel):
    """The class of one row of one served request, and who says so.

    origin: left out, "person" where `by` names somebody, else unsaid. by: a person's name, or a model's version.
    """

    model_config = ConfigDict(extra="forbid")

    request_id: str = Field(min_length=1, max_length=200)
    label: int
    row: int = Field(default=0, ge=0)
    origin: Literal["person", "model"] | None = None
    by: str = Field(default="", max_length=200)


class Labels(BaseModel):
    """At most 10,000 labels a call."""

    model_config = ConfigDict(extra="forbid")

    labels: list[Label] = Field(min_length=1, max_length=_MOST_LABELS)


@router.post("/labels/{pipeline}")
def append(pipeline: str, labels: Labels, request: Request) -> JSONResponse:
    """Append labels to the pipeline's capture folder; the next watch joins them with what was predicted."""
    from assay.capture import append_labels

    if not _PIPELINE.fullmatch(pipeline):
        raise SpecError(f"pipeline {pipeline!r}: expected a pipeline's name; mend the address")
    given = [label.model_dump() for label in labels.labels]
    appended = append_labels(request.app.state.ports.settings, pipeline, given)
    return JSONResponse({"appended": appended}, status_code=201)
