"""What auditors ask, over HTTP: the answers of `assay lineage` and `assay controls`, for whoever holds the token."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from assay.api.answers import CoverageAnswer, DoraAnswer, ExposureAnswer, ServedAnswer, WalkAnswer
from assay.api.control_answers import ControlsAnswer
from assay.api.diff_answers import DiffAnswer
from assay.controls.control_map import control_map
from assay.ledger import Ledger
from assay.lineage.moment import parse_moment
from assay.lineage.question import ask
from assay.lineage.refs import UNDERSTOOD
from assay.lineage.served import served
from assay.lineage.walk import DEFAULT_LIMIT, MOST_NODES, Direction
from assay.quarantine.declaration import Declaration, declarations_in_force
from assay.quarantine.marks import marks_of, standing_json
from assay.questions.coverage import coverage
from assay.questions.diff import diff_models
from assay.questions.dora import dora
from assay.questions.dossier import MODEL_FORMS, open_dossier
from assay.questions.exposure import exposure
from assay.store import open_store

router = APIRouter(prefix="/api/v1", tags=["questions"])

_LONGEST = 1_000
Reference = Annotated[
    str,
    Query(
        min_length=1,
        max_length=_LONGEST,
        description=UNDERSTOOD,
        examples=["model/spam@champion", "row/mnist/train-00017"],
    ),
]
ModelReference = Annotated[
    str, Query(min_length=1, max_length=_LONGEST, description=MODEL_FORMS, examples=["model/spam@champion", "3e1572c4"])
]
Moment = Annotated[
    str | None,
    Query(max_length=40, description="ISO 8601, UTC unless it says otherwise", examples=["2026-03-03T12:00Z"]),
]
Name = Annotated[str | None, Query(max_length=200, description="a pipeline's name")]
MaxAge = Annotated[int, Query(ge=1, le=36_500, description="days after which evidence is called stale")]
Limit = Annotated[int, Query(ge=1, le=MOST_NODES, description="how many versions, the nearest first")]


@router.get("/lineage/up", response_model=WalkAnswer)
def walk_up(request: Request, ref: Reference, at: Moment = None, limit: Limit = DEFAULT_LIMIT) -> JSONResponse:
    """What `ref` came from, as known at `at`: the nearest `limit` versions and the runs between them."""
    return _walk(request, Direction.UP, ref, at, limit)


@router.get("/lineage/down", response_model=WalkAnswer)
def walk_down(request: Request, ref: Reference, at: Moment = None, limit: Limit = DEFAULT_LIMIT) -> JSONResponse:
    """What became of `ref`, as known at `at`: the nearest `limit` versions and the runs between them."""
    return _walk(request, Direction.DOWN, ref, at, limit)


@router.get("/served", response_model=ServedAnswer)
def served_then(request: Request, at: Moment = None, name: Name = None) -> JSONResponse:
    """What served at a time, since when, until when, approved by whom."""
    rows = served(request.app.state.ports.synced_lineage(), parse_moment(at), name)
    declared = _declared(request)
    return JSONResponse({"deployments": [standing_json(row, declared) for row in rows]})


@router.get("/diff", response_model=DiffAnswer)
def diff(request: Request, a: ModelReference, b: ModelReference) -> JSONResponse:
    """What differs between two models: data, code, parameters, environment, verdicts."""
    ports = request.app.state.ports
    with _ledger(request) as ledger:
        found = diff_models(a, b, ledger, ports.synced_lineage(), open_store(ports.settings))
    return JSONResponse(found.to_json())


@router.get("/exposure", response_model=ExposureAnswer)
def exposed(request: Request, ref: Reference, at: Moment = None) -> JSONResponse:
    """Every version, model, deployment and span of service that `ref` touched, and whether it is live."""
    ports = request.app.state.ports
    found = exposure(ports.synced_lineage(), ports.settings, ref, parse_moment(at), _declared(request))
    return JSONResponse(found.to_json())


@router.get("/coverage", response_model=CoverageAnswer)
def covered(request: Request, ref: ModelReference, max_age: MaxAge = 90) -> JSONResponse:
    """What was not checked for a model, each hole with the reason that was signed."""
    lineage = request.app.state.ports.synced_lineage()
    with _ledger(request) as ledger:
        found = coverage(ref, ledger, lineage, datetime.now(UTC), timedelta(days=max_age))
    return JSONResponse(found.to_json())


@router.get("/controls", response_model=ControlsAnswer)
def controls(request: Request, ref: ModelReference) -> JSONResponse:
    """What the EU AI Act, NIST AI RMF, MITRE ATLAS and OWASP demand of a model, and what evidences it, if anything."""
    lineage = request.app.state.ports.synced_lineage()
    with _ledger(request) as ledger:
        found = control_map(open_dossier(ref, ledger, lineage), ledger)
    return JSONResponse(found.to_json())


@router.get("/dora", response_model=DoraAnswer)
def delivered(request: Request, pipeline: Name = None, since: Moment = None, until: Moment = None) -> JSONResponse:
    """Lead time, deployment frequency, change failure rate and time to restore, of one pipeline or of all."""
    begin, end = parse_moment(since), parse_moment(until)
    with _ledger(request) as ledger:
        found = dora(ledger, datetime.now(UTC), pipeline, begin, end)
    return JSONResponse(found.to_json())


def _walk(request: Request, direction: Direction, reference: str, at: str | None, limit: int) -> JSONResponse:
    ports = request.app.state.ports
    walked = ask(ports.synced_lineage(), ports.settings, direction, reference, parse_moment(at), limit)
    marks = marks_of(walked.nodes, walked.edges, _declared(request))
    return JSONResponse({**walked.to_json(), "quarantine": [mark.to_json() for mark in marks.values()]})


def _declared(request: Request) -> tuple[Declaration, ...]:
    """What is in quarantine now."""
    with _ledger(request) as ledger:
        return tuple(declarations_in_force(ledger).values())


@contextlib.contextmanager
def _ledger(request: Request) -> Iterator[Ledger]:
    with contextlib.closing(Ledger.open(request.app.state.ports.settings)) as ledger:
        yield ledger
