"""Late truth: labels for requests that were served, kept beside the captured requests."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.api.answers import Refusal
from assay.api.body import TOO_LARGE, read_body
from assay.capture import append_labels, requests_folder
from assay.settings import Settings

router = APIRouter(prefix="/api/v1", tags=["labels"])
_MOST_LABELS = 10_000
_INT64 = 2**63 - 1
# No control characters, no line separators, nothing that turns the direction of text: what is shown is what was sent.
_PLAIN = r"^[^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]*$"
_UNKNOWN = {"model": Refusal, "description": "no deployment of that pipeline has captured requests"}
# A folder's name: nothing that could leave the capture folder.
Pipeline = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="a pipeline that serves or has served")]


class Label(BaseModel):
    """The class of one row of one served request, and who says so.

    origin: left out, "person" where `by` names somebody, else unsaid. by: a person's name, or a model's version.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    request_id: str = Field(min_length=1, max_length=200, pattern=_PLAIN)
    label: int = Field(ge=-_INT64 - 1, le=_INT64)
    row: int = Field(default=0, ge=0, le=_INT64)
    origin: Literal["person", "model"] | None = None
    by: str = Field(default="", max_length=200, pattern=_PLAIN)


class Labels(BaseModel):
    """At most 10,000 labels a call."""

    model_config = ConfigDict(extra="forbid", strict=True)

    labels: list[Label] = Field(min_length=1, max_length=_MOST_LABELS)


class AppendedAnswer(BaseModel):
    """How many labels were kept."""

    appended: int


def _body() -> dict[str, Any]:
    """For OpenAPI, in one piece: FastAPI does not know what is parsed here."""
    schema = Labels.model_json_schema()
    schema["properties"]["labels"]["items"] = schema.pop("$defs")["Label"]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post(
    "/labels/{pipeline}",
    status_code=201,
    response_model=AppendedAnswer,
    responses={404: _UNKNOWN, **TOO_LARGE},
    openapi_extra=_body(),
)
async def append(pipeline: Pipeline, request: Request) -> JSONResponse:
    """Append labels to the pipeline's capture folder; the next watch joins them with what was predicted.

    Labels belong to answers, so the pipeline has to have a deployment that captures them. Up to 4 MiB a call.
    """
    body = await read_body(request)
    appended = await run_in_threadpool(_append, request.app.state.ports.settings, pipeline, body)
    return JSONResponse({"appended": appended}, status_code=201)


def _append(settings: Settings, pipeline: str, body: bytes) -> int:
    if not requests_folder(settings, pipeline).is_dir():
        raise HTTPException(
            404, f"pipeline {pipeline!r}: expected one whose deployment captures requests, found none; check the name"
        )
    try:
        told = Labels.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from error
    return append_labels(settings, pipeline, [label.model_dump() for label in told.labels])
